from collections.abc import Callable
from typing import Any, TypeVar

View = TypeVar("View", bound=Callable[..., Any])

def secure_admin_login(function: View) -> View: ...
