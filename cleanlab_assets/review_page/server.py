"""Serving the review page until it is interrupted."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING

from cleanlab_assets.datasets.errors import UnreadableInputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp

GRACE_S = 3
"""How long requests that are being answered may take after an interrupt."""


class ServerError(UnreadableInputError):
    """An address that cannot be listened on; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens on an address; port 0 is any free one.

    Raises:
        ServerError: the port is in use or not allowed, or the host is no address of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(found[0], socket.SOCK_STREAM)
    except OSError as error:
        raise ServerError(f"--host {host}: {error.strerror}: expected an address of this machine") from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(found[4])
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ServerError(f"port {port} of {host} is in use: choose another one by --port, or 0 for any") from None
        raise ServerError(f"cannot listen on port {port} of {host}: {error.strerror}") from None
    return listener


def serve(app: ASGIApp, listener: socket.socket, *, started: Callable[[], None]) -> None:
    """Answer requests until the process is interrupted.

    Args:
        app: the application.
        listener: see ``listen``.
        started: is called once requests are answered.
    """
    import uvicorn

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    # No log of requests: the first address holds the token.
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        loop="asyncio",  # others take the pipe by which the command learns which signal ended it
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
        ws="none",
    )
    Server(config).run(sockets=[listener])
