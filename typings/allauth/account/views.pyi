from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.generic import FormView

class LoginView(FormView[Any]):
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase: ...

def logout(request: HttpRequest) -> HttpResponse: ...
def account_inactive(request: HttpRequest) -> HttpResponse: ...
