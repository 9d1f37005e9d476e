"""A web server for tests: keeps what is posted, and answers as a test asks it to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import orjson


@dataclass
class HttpSink:
    """`answers` are the statuses of the next requests, then 200; 0 keeps it and then hangs up."""

    posts: list[tuple[str, Any]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    text: bytes = b"ok"
    port: int = 0

    def url(self, path: str) -> str:
        """An address here."""
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def http_sink() -> Iterator[HttpSink]:
    """A server on this machine."""
    sink = HttpSink()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.headers["Content-Type"] == "application/json"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = sink.answers.pop(0) if sink.answers else 200
            if status in (0, 200):
                sink.posts.append((self.path, orjson.loads(body)))
            if status == 0:
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(sink.text)))
            self.send_header("Location", "/elsewhere")
            self.end_headers()
            self.wfile.write(sink.text)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink.port = server.server_address[1]
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield sink
        server.shutdown()
