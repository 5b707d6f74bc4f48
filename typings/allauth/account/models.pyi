from typing import ClassVar

from allauth.account.managers import EmailAddressManager
from django.db import models

class EmailAddress(models.Model):
    objects: ClassVar[EmailAddressManager]
    user_id: int
    email: str

class Login:
    def __init__(self, user: models.Model) -> None: ...
