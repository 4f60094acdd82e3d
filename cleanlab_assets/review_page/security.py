"""Who may ask the review page: checks before any answer, and headers on every one.

- The Host header must be a name by which the page is reached: else a page elsewhere could have its own name point to
  this machine (DNS rebinding) and read the answers.
- A request with an Origin must come from the page itself, and what changes something must name its Origin. So another
  page that a browser shows cannot decide anything. There is no CORS.
- Where others than this machine may connect, a token is needed: once in the address, from then on in a cookie.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
REPORT_POLICY = (
    "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
"""Of a report, whose script sorts its tables: in a sandbox it has no origin, so that it reaches nothing of the page.

The report's own policy, which lets just its own script and styles run, by their hashes, holds beside this one.
"""
POLICY = "content-security-policy"
HEADERS = {
    POLICY: PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
TOKEN = "token"  # noqa: S105 - the name of the parameter
LEAST_TOKEN_CHARACTERS = 16
READING = frozenset({"GET", "HEAD"})


def is_loopback(host: str) -> bool:
    """Whether an address to bind to is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def make_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(32)


def find_host_names(host: str, addresses: Iterable[str] = ()) -> frozenset[str]:
    """Return the names by which a page that is bound to an address may be reached.

    Args:
        host: the address or name that it is bound to; ``0.0.0.0`` and ``::`` mean every address of the machine.
        addresses: further addresses (URLs) under which it is reached, such as that of a proxy.
    """
    names = {*LOOPBACK_NAMES, host.lower()}
    names |= {name for url in addresses if (name := urlsplit(url).hostname)}
    if host in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        own = socket.gethostname()
        names |= {own.lower(), socket.getfqdn().lower()}
        try:
            names |= {str(found[4][0]) for found in socket.getaddrinfo(own, None)}
        except OSError:  # a machine that does not know its own name is reached by those above
            return frozenset(names)
    return frozenset(names)


@dataclass(frozen=True)
class Guard:
    """Lets those requests through to an application that may ask it.

    Attributes:
        app: the application.
        host_names: names that the Host header may have; any port, since a tunnel has a port of its own.
        token: what who asks must know; none is needed if empty.
        cookie: name of the cookie that holds it; browsers send cookies to every port of a machine.
    """

    app: ASGIApp
    host_names: frozenset[str]
    token: str = ""
    cookie: str = "cleanlab_review"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets here
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refusal = self._refuse(scope)
        await (refusal or self.app)(scope, receive, send_guarded)

    def _refuse(self, scope: Scope) -> Response | None:
        """Return the answer to a request that may not be met; None where it may."""
        headers, method = Headers(scope=scope), scope["method"]
        hosts, origins = headers.getlist("host"), headers.getlist("origin")
        if len(hosts) != 1 or _name_of(hosts[0]) not in self.host_names:
            return PlainTextResponse(
                "This page is not reached by this name. Use the address that the command printed; where a proxy stands "
                "before it, say so by CLEANLAB_DEMO_REPORT_URL.\n",
                421,
            )
        if any(origin not in {f"http://{hosts[0]}", f"https://{hosts[0]}"} for origin in origins):
            return PlainTextResponse("Requests of other pages are refused.\n", 403)
        if method not in READING and len(origins) != 1:
            return PlainTextResponse("A request that changes something must name its Origin.\n", 403)
        return self._refuse_unknown(scope, headers) if self.token else None

    def _refuse_unknown(self, scope: Scope, headers: Headers) -> Response | None:
        asked = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = asked.pop(TOKEN, [])
        if given and self._is_token(given[0]) and scope["method"] in READING:
            # Out of the address at once, so that it stays neither in the history nor in a bookmark.
            rest = urlencode(asked, doseq=True)
            path = "/" + scope["path"].lstrip("/")  # two slashes would lead to another machine
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
            return answer
        cookies = [found for header in headers.getlist("cookie") if (found := cookie_parser(header).get(self.cookie))]
        if any(self._is_token(found) for found in cookies):
            return None
        return PlainTextResponse("A token is needed: open the address that the command printed.\n", 401)

    def _is_token(self, found: str) -> bool:
        return hmac.compare_digest(found.encode(), self.token.encode())


def _name_of(host: str) -> str:
    """Return the name in a Host header without its port; empty where it is none."""
    try:
        found = urlsplit(f"//{host}")
        name = found.hostname or ""
    except ValueError:
        return ""
    return name if found.netloc == host and found.username is None else ""
