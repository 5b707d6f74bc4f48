from django.db import models

from allauth.account.models import EmailAddress

class EmailAddressManager(models.Manager[EmailAddress]): ...
