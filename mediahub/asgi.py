"""The web process: pages and the API, and one socket. `python -m mediahub.asgi` serves it."""

import os
import socket
import sys
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mediahub.settings")
_django = get_asgi_application()

from apps.ingest.guard import BodyGuard  # noqa: E402  # Django had to be set up first
from apps.jobs import consumer  # noqa: E402

pages = BodyGuard(_django)

SOCKET_PATH = "/ws/"
STOP_SECONDS = 5  # how long an upload may go on after the order to stop


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await pages(scope, receive, send)
    elif scope["type"] == "websocket" and scope["path"] == SOCKET_PATH:
        await consumer.application(scope, receive, send)
    else:
        await send({"type": "websocket.close"})


def serve(listening: int) -> None:
    """Answers on a socket that our parent opened: it stays open while this process starts again."""
    import uvicorn

    config = uvicorn.Config(
        application,
        lifespan="off",
        log_config=None,  # Django's: one JSON object a line
        access_log=False,  # addresses hold tokens of invitations
        proxy_headers=False,  # Django decides how many proxies are trusted
        server_header=False,
        ws_max_size=consumer.LONGEST_MESSAGE,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[socket.socket(fileno=listening)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
