from datetime import datetime
from typing import Any, ClassVar

from django.db import models

class UserSessionManager(models.Manager[UserSession]):
    def purge_and_list(self, user: models.Model) -> list[UserSession]: ...

class UserSession(models.Model):
    objects: ClassVar[UserSessionManager]
    user_id: int
    created_at: datetime
    last_seen_at: datetime
    ip: str
    session_key: str
    user_agent: str
    data: dict[str, Any]
    def end(self) -> None: ...
