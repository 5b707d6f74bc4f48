from allauth.account.models import Login
from django.http import HttpRequest, HttpResponse

def perform_login(request: HttpRequest, login: Login) -> HttpResponse: ...
