from typing import Any, ClassVar

from django.http import HttpRequest

class DefaultAccountAdapter:
    request: HttpRequest | None
    error_messages: ClassVar[dict[str, Any]]
    def is_open_for_signup(self, request: HttpRequest) -> bool: ...
    def logout(self, request: HttpRequest) -> None: ...
    def send_mail(self, template_prefix: str, email: str, context: dict[str, object]) -> None: ...
