"""A web server on this machine that answers as it is told: well, short, late, elsewhere, or not at all."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer.

    A ``declared_length`` larger than the body breaks the transfer off; with ``stalls`` the server goes silent instead.
    ``together`` holds the answer back until as many requests as the barrier has parties wait for it. ``raw`` is the
    whole answer, head and all. ``seconds_before`` pass before the answer, ``seconds_between`` between the bytes of its
    body.
    """

    body: bytes = b""
    status: int = 200
    location: str | None = None
    declared_length: int | None = None
    stalls: bool = False
    raw: bytes | None = None
    seconds_before: float = 0
    seconds_between: float = 0
    together: threading.Barrier | None = None


@dataclass
class SourceServer:
    """Replies by path, given in turn; the last one is repeated. ``requests`` are the paths asked for."""

    base_url: str
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def serve(self, path: str, *replies: Reply) -> str:
        self.replies[path] = list(replies)
        return self.base_url + path

    def next_reply(self, path: str) -> Reply:
        self.requests.append(path)
        replies = self.replies.get(path, [Reply(status=404)])
        return replies.pop(0) if len(replies) > 1 else replies[0]


class _Handler(BaseHTTPRequestHandler):
    source: SourceServer

    def do_GET(self) -> None:
        reply = self.source.next_reply(self.path)
        self.source.released.wait(timeout=reply.seconds_before)
        if reply.raw is not None:
            self.wfile.write(reply.raw)
            self.close_connection = True
            return
        self.send_response(reply.status)
        if reply.location is not None:
            self.send_header("Location", reply.location)
        length = len(reply.body) if reply.declared_length is None else reply.declared_length
        self.send_header("Content-Length", str(length))
        self.end_headers()
        if reply.together is not None:
            reply.together.wait(timeout=30)
        try:
            self.send_body(reply)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has seen enough
        if reply.stalls:
            self.source.released.wait(timeout=30)

    def send_body(self, reply: Reply) -> None:
        if not reply.seconds_between:
            self.wfile.write(reply.body)
            self.wfile.flush()
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            self.source.released.wait(timeout=reply.seconds_between)

    def log_message(self, *_: object) -> None:
        """Keep the test output clean."""


@contextmanager
def run_source_server() -> Iterator[SourceServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    source = SourceServer(base_url=f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass = type("Handler", (_Handler,), {"source": source})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield source
    finally:
        source.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
