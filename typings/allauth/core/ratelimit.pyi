from typing import Any

from django.http import HttpRequest, HttpResponse

def consume(request: HttpRequest, *, action: str, key: str | None = None, user: Any = None) -> bool: ...
def consume_or_429(
    request: HttpRequest, *, action: str, key: str | None = None, user: Any = None
) -> HttpResponse | None: ...
