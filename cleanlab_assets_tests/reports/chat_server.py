"""A server on this machine that speaks the protocol of a language model: well, badly, late or not at all.

It knows the chat completions of OpenAI, and Anthropic's messages under their own path.
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

ANTHROPIC_PATH = "/v1/messages"
FINAL_TOOL = "final_result"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """One answer.

    ``prose`` is the final result, ``calls`` the tools to call before it; otherwise ``body`` is sent as it is. The
    server waits ``silence`` seconds first, and ``pause`` seconds after each byte; with ``declared_length`` it breaks
    off.
    """

    prose: dict[str, Any] | None = None
    calls: tuple[str, ...] = ()
    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    location: str | None = None
    declared_length: int | None = None
    silence: float = 0.0
    pause: float = 0.0
    finish_reason: str = "tool_calls"


@dataclass
class ChatServer:
    """Replies in turn, the last one repeated, and what was asked: the parsed bodies, raw texts and headers."""

    url: str
    replies: list[Reply] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def base_url(self) -> str:
        return f"{self.url}/v1"

    def answer(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def take_request(self, text: str, headers: dict[str, str]) -> Reply:
        self.texts.append(text)
        self.requests.append(json.loads(text))
        self.headers.append(headers)
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def tools_offered(self) -> list[str]:
        """The names of the tools in the first request, without the one for the final result."""
        names = [tool["function"]["name"] for tool in self.requests[0]["tools"]]
        return [name for name in names if name != FINAL_TOOL]


@contextmanager
def run_chat_server() -> Iterator[ChatServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"])).decode()
            reply = chat.take_request(text, {name.lower(): value for name, value in self.headers.items()})
            chat.released.wait(reply.silence)
            body = write_body(reply, self.path)
            self.send_response(reply.status)
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(reply.declared_length or len(body)))
            if reply.location is not None:
                self.send_header("Location", reply.location)
            self.end_headers()
            for start in range(0, len(body), 1 if reply.pause else max(len(body), 1)):
                self.wfile.write(body[start : start + 1] if reply.pause else body)
                self.wfile.flush()
                if reply.pause and chat.released.wait(reply.pause):
                    return

        def log_message(self, *_: object) -> None:
            """Keep the test output clean."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Keep quiet about clients that gave up waiting."""

    server = Server(("127.0.0.1", 0), Handler)
    chat = ChatServer(url=f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield chat
    finally:
        chat.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def write_body(reply: Reply, path: str) -> bytes:
    """Write an answer in the protocol of the path."""
    calls: list[tuple[str, dict[str, Any]]] = [(name, {}) for name in reply.calls]
    if reply.prose is not None:
        calls.append((FINAL_TOOL, reply.prose))
    if not calls:
        return reply.body
    if path.startswith(ANTHROPIC_PATH):
        return json.dumps(write_message(calls)).encode()
    return json.dumps(write_completion(calls, reply.finish_reason)).encode()


def write_completion(calls: list[tuple[str, dict[str, Any]]], finish_reason: str = "tool_calls") -> dict[str, Any]:
    tool_calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
        for number, (name, arguments) in enumerate(calls)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": tool_calls}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "local",
        "choices": [{"index": 0, "finish_reason": finish_reason, "message": message}],
        "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
    }


def write_message(calls: list[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    content = [
        {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments}
        for number, (name, arguments) in enumerate(calls)
    ]
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "local",
        "content": content,
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": {"input_tokens": 100, "output_tokens": 50},
    }
