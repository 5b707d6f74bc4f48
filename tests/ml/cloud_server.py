"""A machine that answers as the cloud does, on this machine: over HTTP, with limits, moods and faults.

What it is asked is kept, so that a test can count. What it answers follows from what it sees: the average colour of a
picture, the length of a text.
"""

import base64
import itertools
import json
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np


@dataclass(frozen=True)
class Asked:
    """`moment`: when it arrived, by the server's clock."""

    moment: float
    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All words of the question, of every message."""
        parts: list[str] = []
        for message in self.body.get("messages", []):
            content = message["content"]
            parts += [content] if isinstance(content, str) else [part.get("text", "") for part in content]
        return "\n".join(parts)

    @property
    def pictures(self) -> list[bytes]:
        """The files of the last message."""
        content = self.body["messages"][0]["content"]
        urls = (
            [part["image_url"]["url"] for part in content if "image_url" in part] if isinstance(content, list) else []
        )
        return [base64.b64decode(url.removeprefix("data:image/jpeg;base64,"), validate=True) for url in urls]


@dataclass
class CloudServer:
    """`moods` are spent one a question, before it behaves well again. `says` makes the words of an answer.
    `certificate`: a file with key and certificate, for an encrypted door."""

    key: str = ""
    certificate: Path | None = None
    knows_formats: bool = True
    takes_seconds: float = 0.0
    now: Callable[[], float] = time.monotonic
    says: "Callable[[Asked], str]" = field(default_factory=lambda: described)
    moods: "deque[Mood]" = field(default_factory=deque)
    asked: list[Asked] = field(default_factory=list)
    most_at_once: int = 0
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _number: int = field(default_factory=itertools.count(1).__next__)

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"cloud": self}))
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        # No address is used twice in a process, though ports are: an endpoint remembers what it was answered.
        scheme = "https" if self.certificate else "http"
        return f"{scheme}://127.0.0.1:{self._server.server_port}/{self._number}/v1"

    @property
    def questions(self) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.endswith("/chat/completions")]

    def most_within(self, seconds: float) -> int:
        """The most requests that arrived within any such span."""
        moments = sorted(asked.moment for asked in self.asked)
        return max(
            (sum(1 for other in moments[start:] if other - moment < seconds) for start, moment in enumerate(moments)),
            default=0,
        )

    def times_asked(self) -> Counter[str]:
        """How often each very same question came."""
        return Counter(json.dumps(asked.body, sort_keys=True) for asked in self.questions)

    def think(self) -> None:
        """Ends before the answer is sent: whoever has it may already ask again."""
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        time.sleep(self.takes_seconds)
        with self._lock:
            self._at_once -= 1


class _Handler(BaseHTTPRequestHandler):
    cloud: CloudServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._take({})
        if self._refused():
            return
        self.send({"object": "list", "data": [{"id": "some/model"}]})

    def do_POST(self) -> None:
        cloud = self.cloud
        asked = self._take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self._refused():
            return
        cloud.think()
        with cloud._lock:
            mood = cloud.moods.popleft() if cloud.moods else None
        with suppress(OSError):  # the other side may have gone
            if mood is not None:
                mood(self, asked)
            elif "response_format" in asked.body and not cloud.knows_formats:
                self.send({"error": {"message": "unexpected field"}}, 400)
            else:
                self.complete(cloud.says(asked))

    def complete(self, text: str) -> None:
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        message = {"role": "assistant", "content": text}
        self.send({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], "usage": usage})

    def send(self, value: object, status: int = 200, **headers: str) -> None:
        self.send_raw(json.dumps(value).encode(), status, headers)

    def send_raw(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, *, length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in (headers or {}).items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def _take(self, body: dict[str, Any]) -> Asked:
        cloud = self.cloud
        asked = Asked(cloud.now(), self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        with cloud._lock:
            cloud.asked.append(asked)
        return asked

    def _refused(self) -> bool:
        key = self.cloud.key
        if not key or self.headers.get("Authorization") == f"Bearer {key}":
            return False
        self.send({"detail": "Unauthorized"}, 401)
        return True


Mood = Callable[[_Handler, Asked], None]


def status(code: int, message: str = "no", **headers: str) -> Mood:
    return lambda handler, _: handler.send({"error": {"message": message}}, code, **headers)


def words(text: str) -> Mood:
    return lambda handler, _: handler.complete(text)


def raw(body: bytes) -> Mood:
    return lambda handler, _: handler.send_raw(body)


def cut_short(handler: _Handler, _: Asked) -> None:
    """Promises more than it sends."""
    handler.send_raw(b'{"choices": [', length=1000)


def hang_up(handler: _Handler, _: Asked) -> None:
    handler.close_connection = True


def drip(handler: _Handler, _: Asked) -> None:
    """Sends a byte now and then, for ever: even the head of the answer never ends."""
    while True:
        handler.wfile.write(b"H")
        time.sleep(0.05)


def hang(handler: _Handler, _: Asked) -> None:
    time.sleep(30)


def colour_of(jpeg: bytes) -> str:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR_RGB)
    if picture is None:
        raise AssertionError("This is no JPEG.")
    means = picture.mean(axis=(0, 1))
    return f"{('red', 'green', 'blue')[int(np.argmax(means))]} {bytes(means.round().astype(np.uint8)).hex()}"


def described(asked: Asked) -> str:
    """What a model that sees nothing but the average colour would say, in the form that was asked for."""
    seen = [colour_of(picture) for picture in asked.pictures]
    if not seen:
        return f"There are {len(asked.text)} letters."
    if '"answer"' in asked.text:
        return json.dumps({"answer": f"It is {seen[0]}."})
    pictures = [
        {
            "scene": f"A {colour} wall.",
            "scene_type": "wall",
            "objects": [
                {"name": f"{colour.split()[0]} wall", "confidence": 0.9},
                {"name": "paint", "confidence": 0.5},
                {"name": "shadow", "confidence": 0.1},
            ],
            "tags": [colour.split()[0], "wall", "paint"],
        }
        for colour in seen
    ]
    return json.dumps({"pictures": pictures} if '"pictures"' in asked.text else pictures[0])
