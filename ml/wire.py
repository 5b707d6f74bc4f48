"""One HTTP request with an end: whatever the other side does, the answer or an error is there in time.

The standard library's client does it. Its own time-out begins anew with every byte, so a slow drip would hold it for
ever; here the connection is cut when the time is over. Redirects are not followed: they would carry the key and the
pictures to a place that nobody named.
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
    except ValueError:
        return f'"{url}" is not an address. It should look like https://host/v1.'
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        return f'"{url}" is not an address. It should look like https://host/v1.'
    if parts.scheme == "http" and not _in_the_house(host):
        return f"{host} is not a machine of this house: its address must begin with https."
    return None


def exchange(
    method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None, seconds: float
) -> Response:
    """Raises TimeoutError after so many seconds, Cut, or another OSError when there is no connection."""
    parts = urlsplit(url)
    connection = _connection(parts.scheme, parts.hostname or "", parts.port, seconds)
    out_of_time: list[bool] = []
    try:
        connection.connect()
        wire = connection.sock

        def cut() -> None:
            out_of_time.append(True)
            with suppress(OSError):
                # The plain socket's own method: that of an encrypted one may not be called beside a read.
                socket.socket.shutdown(wire, socket.SHUT_RDWR)

        watch = Timer(seconds, cut)
        watch.daemon = True
        watch.start()
        try:
            connection.request(method, parts.path, body=body, headers=dict(headers))
            with connection.getresponse() as response:
                headers_back = {name.lower(): value for name, value in response.headers.items()}
                return Response(response.status, headers_back, _read(response))
        finally:
            watch.cancel()
    except (OSError, HTTPException) as error:
        if out_of_time or isinstance(error, TimeoutError):
            raise TimeoutError(f"There was no answer within {seconds:g} seconds.") from error
        if isinstance(error, HTTPException | ConnectionResetError | BrokenPipeError):
            raise Cut(str(error) or type(error).__name__) from error
        raise
    finally:
        connection.close()


def _connection(scheme: str, host: str, port: int | None, seconds: float) -> HTTPConnection:
    if scheme == "https":
        return HTTPSConnection(host, port, timeout=seconds, context=ssl.create_default_context())
    return HTTPConnection(host, port, timeout=seconds)


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
        return "." not in host or host.endswith(_HOUSE_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local
