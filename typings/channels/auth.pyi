from collections.abc import Awaitable, Callable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Awaitable[Any]], Callable[..., Awaitable[Any]]], Awaitable[None]]

def AuthMiddlewareStack(inner: Application) -> Application: ...
