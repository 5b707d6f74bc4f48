from collections.abc import Callable

from allauth.headless.constants import Client
from django.http import HttpResponse

class LoginView:
    @classmethod
    def as_api_view(cls, *, client: Client) -> Callable[..., HttpResponse]: ...
