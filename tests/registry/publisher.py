"""A publisher on a real socket, which answers each request as a test wants, faults included."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Request(BaseHTTPRequestHandler):
    """One request; behaviours call these methods."""

    server: Publisher

    def do_GET(self) -> None:
        self.server.seen.append((self.path, self.headers.get("Range")))
        self.close_connection = True
        try:
            self.server.behaviour(self)
        except (BrokenPipeError, ConnectionResetError):
            self.server.hung_up.set()

    def log_message(self, *arguments: object) -> None:
        """Silence."""

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def start(self) -> int:
        wanted = self.headers.get("Range")
        return int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0


Behaviour = Callable[[Request], None]


class Publisher(ThreadingHTTPServer):
    """The server; ``seen`` lists (path, Range header) of the requests."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.behaviour: Behaviour = status(404)
        self.seen: list[tuple[str, str | None]] = []
        self.hung_up = threading.Event()
        self.closing = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def publishing() -> Iterator[Publisher]:
    server = Publisher()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()


def whole(content: bytes, *, ranges: bool = True) -> Behaviour:
    """The file, or the rest of it that was asked for."""

    def behave(request: Request) -> None:
        start = request.start() if ranges else 0
        body = content[start:]
        if start:
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            request.head(206, Content_Length=len(body), Content_Range=place)
        else:
            request.head(200, Content_Length=len(body))
        request.wfile.write(body)

    return behave


def status(code: int) -> Behaviour:
    return lambda request: request.head(code, Content_Length=0)


def redirect(location: str) -> Behaviour:
    return lambda request: request.head(302, Location=location, Content_Length=0)


def breaks_off(content: bytes, sent: int) -> Behaviour:
    """Announces all, and closes after some."""

    def behave(request: Request) -> None:
        request.head(200, Content_Length=len(content))
        request.wfile.write(content[:sent])

    return behave


def hangs(content: bytes, sent: int | None) -> Behaviour:
    """Sends some bytes, or not even an answer, then nothing."""

    def behave(request: Request) -> None:
        if sent is not None:
            request.head(200, Content_Length=len(content))
            request.wfile.write(content[:sent])
        request.server.closing.wait(20)

    return behave


def drips(content: bytes) -> Behaviour:
    """A byte now and then."""

    def behave(request: Request) -> None:
        request.head(200, Content_Length=len(content))
        for index in range(len(content)):
            request.wfile.write(content[index : index + 1])
            if request.server.closing.wait(0.05):
                return

    return behave


def slowly(content: bytes, seconds: float) -> Behaviour:
    def behave(request: Request) -> None:
        time.sleep(seconds)
        whole(content)(request)

    return behave


def endless(content: bytes) -> Behaviour:
    """The bytes, then others without an end or a length."""

    def behave(request: Request) -> None:
        request.head(200)
        request.wfile.write(content)
        while not request.server.closing.is_set():
            request.wfile.write(bytes(65536))

    return behave


def chunked(content: bytes) -> Behaviour:
    def behave(request: Request) -> None:
        request.protocol_version = "HTTP/1.1"
        request.head(200, Transfer_Encoding="chunked")
        for start in range(0, len(content), 50_000):
            chunk = content[start : start + 50_000]
            request.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        request.wfile.write(b"0\r\n\r\n")

    return behave


def raw(answer: bytes) -> Behaviour:
    def behave(request: Request) -> None:
        request.wfile.write(answer)

    return behave


def in_turn(*behaviours: Behaviour) -> Behaviour:
    """One after another; the last one for all that follow."""
    left = list(behaviours)

    def behave(request: Request) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(request)

    return behave
