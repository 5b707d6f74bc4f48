"""A publisher of weights on this machine that can be as difficult as the real ones."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Publisher(ThreadingHTTPServer):
    """`files` by path. `asked` holds each request's path and Range. What `cut`, `slow` or `busy` says goes for all."""

    daemon_threads = True
    files: dict[str, bytes]
    asked: list[tuple[str, str | None]]
    ranges = True
    cut: int | None = None  # bytes of each answer until the connection breaks
    silent: bool = False  # after `cut` bytes nothing comes any more, but the connection stays
    busy = 0  # so many 503 before the first answer
    drip: float = 0.0  # seconds between blocks of 1,000 bytes
    away: str | None = None  # everything is somewhere else
    etag = '"1"'

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class _Answer(BaseHTTPRequestHandler):
    server: Publisher

    def do_GET(self) -> None:
        publisher, path = self.server, self.path.lstrip("/")
        asked = self.headers.get("Range")
        publisher.asked.append((path, asked))
        if publisher.busy:
            publisher.busy -= 1
            self.send_error(503)
        elif publisher.away:
            self.send_response(302)
            self.send_header("Location", publisher.away)
            self.end_headers()
        elif path not in publisher.files:
            self.send_error(404)
        else:
            self._send(publisher.files[path], asked)

    def _send(self, content: bytes, asked: str | None) -> None:
        publisher = self.server
        start = 0
        if asked and publisher.ranges and self.headers.get("If-Range", publisher.etag) == publisher.etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        rest = content[start:]
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("ETag", publisher.etag)
        self.end_headers()
        sent = rest if publisher.cut is None else rest[: publisher.cut]
        for at in range(0, len(sent), 1000 if publisher.drip else max(1, len(sent))):
            self.wfile.write(sent[at : at + 1000] if publisher.drip else sent)
            time.sleep(publisher.drip)
        if publisher.silent:
            self.wfile.flush()
            time.sleep(3)
        self.close_connection = True

    def log_message(self, *words: object) -> None:
        pass


@contextmanager
def publishing(files: dict[str, bytes]) -> Iterator[Publisher]:
    publisher = Publisher(("127.0.0.1", 0), _Answer)
    publisher.files, publisher.asked = dict(files), []
    thread = threading.Thread(target=publisher.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        publisher.shutdown()
        publisher.server_close()
