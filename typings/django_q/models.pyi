from datetime import datetime
from typing import Any, ClassVar

from django.db import models

class Task(models.Model):
    stopped: models.DateTimeField[datetime, datetime]
    objects: ClassVar[models.Manager[Task]]

class OrmQ(models.Model):
    key: models.CharField[str, str]
    payload: models.TextField[str, str]
    lock: models.DateTimeField[datetime | None, datetime | None]
    objects: ClassVar[models.Manager[OrmQ]]
    @property
    def task(self) -> dict[str, Any]: ...

class Schedule(models.Model):
    MINUTES: str
    name: models.CharField[str | None, str | None]
    func: models.CharField[str, str]
    objects: ClassVar[models.Manager[Schedule]]
