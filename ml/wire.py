"""One HTTP request with an end: whatever the other side does, the answer or an error is there in time.

The standard library's client does it. Its own time-out begins anew with every byte, so a slow drip would hold it for
ever, in the handshake of an encrypted line too; here the connection is cut when the time is over. Redirects are not
followed: they would carry the key and the pictures to a place that nobody named.
"""

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from ipaddress import ip_address
from threading import Timer
from urllib.parse import urlsplit

#: More than any answer of a model; what comes beyond is not read.
MOST = 4 * 2**20
#: A machine that is on takes a connection at once; one that sleeps does not answer at all.
_CONNECT_SECONDS = 10.0
_HOUSE_NAMES = (".local", ".lan", ".home.arpa", ".internal")


class Cut(OSError):
    """The connection ended before the answer did."""


@dataclass(frozen=True)
class Response:
    """`headers`: by their names in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def address_problem(url: str) -> str | None:
    """Why nothing may be sent there, or None. Without encryption only to machines of the house."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
        host.encode("idna")
    except ValueError:
        return f'"{url}" is not an address. It should look like https://host/v1.'
    plain = url.isascii() and url.isprintable() and not any(letter in url for letter in " ?#@\\")
    if parts.scheme not in ("http", "https") or not host or not plain:
        return f'"{url}" is not an address. It should look like https://host/v1.'
    if parts.scheme == "http" and not _in_the_house(host):
        return f"{host} is not a machine of this house: its address must begin with https."
    return None


def exchange(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float
) -> Response:
    """Raises TimeoutError after so many seconds, Cut, or another OSError when there is no connection."""
    parts = urlsplit(url)
    encrypted = parts.scheme == "https"
    host, port = parts.hostname or "", parts.port or (443 if encrypted else 80)
    connection = HTTPSConnection(host, port) if encrypted else HTTPConnection(host, port)
    wire = connection.sock = _line(host, port, seconds, encrypted=encrypted)
    out_of_time: list[bool] = []

    def cut() -> None:
        out_of_time.append(True)
        with suppress(OSError):
            # The plain socket's own method: that of an encrypted one may not be called beside a read.
            socket.socket.shutdown(wire, socket.SHUT_RDWR)

    watch = Timer(seconds, cut)
    watch.daemon = True
    watch.start()
    try:
        if isinstance(wire, ssl.SSLSocket):
            wire.do_handshake()
        connection.request(method, parts.path, body=body, headers=dict(headers))
        with connection.getresponse() as response:
            headers_back = {name.lower(): value for name, value in response.headers.items()}
            return Response(response.status, headers_back, _read(response))
    except (OSError, HTTPException) as error:
        if out_of_time or isinstance(error, TimeoutError):
            raise TimeoutError(f"There was no answer within {seconds:g} seconds.") from error
        if isinstance(error, HTTPException | ConnectionResetError | BrokenPipeError):
            raise Cut(str(error) or type(error).__name__) from error
        raise
    finally:
        watch.cancel()
        connection.close()


def _line(host: str, port: int, seconds: float, *, encrypted: bool) -> socket.socket:
    """A connection. Who is not there is no slow answer: that is never a TimeoutError."""
    try:
        wire = socket.create_connection((host, port), min(seconds, _CONNECT_SECONDS))
    except TimeoutError as error:
        raise Cut("nobody took the connection. Is the machine on?") from error
    wire.settimeout(seconds)
    if not encrypted:
        return wire
    context = ssl.create_default_context()
    return context.wrap_socket(wire, server_hostname=host, do_handshake_on_connect=False)


def _read(response: HTTPResponse) -> bytes:
    data = bytearray()
    while len(data) <= MOST and (some := response.read1(65536)):
        data += some
    if len(data) > MOST:
        raise Cut("The answer is far too long.")
    if response.length:  # what was promised and did not come
        raise Cut("The answer is not whole.")
    return bytes(data)


def _in_the_house(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return ("." not in host and not host.isdigit()) or host.endswith(_HOUSE_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local
