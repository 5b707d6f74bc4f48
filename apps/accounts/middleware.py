import time
from collections.abc import Callable

from allauth.usersessions.models import UserSession
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

NOTED_EVERY = 300  # seconds; each note writes two rows


def note_last_seen(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Keeps the list of sessions true, and lets a session that is used run on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        if request.session.session_key and request.user.is_authenticated:
            now = time.time()
            if now - request.session.get("seen_at", 0) > NOTED_EVERY:
                request.session["seen_at"] = now  # saved, it lives its full time from here
                UserSession.objects.filter(session_key=request.session.session_key).update(last_seen_at=timezone.now())
        return get_response(request)

    return middleware
