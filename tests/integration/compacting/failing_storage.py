"""A storage account that fails from one request on: a proxy of the real one, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

# The client gives up at once after this status. After a broken connection it would retry for a minute.
DEAD = 403
_NOT_PASSED_ON = {"transfer-encoding", "connection", "content-length"}


class FailingStorage:
    """Forwards requests until the one numbered `dies_at`, and refuses from then on.

    With `does_the_last` that request is forwarded too, and only its answer is lost. Only requests whose path contains
    `only` are counted and refused.
    """

    def __init__(self, endpoint: str, only: str = "") -> None:
        target = urlsplit(endpoint)
        self._address = (target.hostname or "", target.port or 80)
        self._lock = threading.Lock()
        self._seen = 0
        self._dies_at: int | None = None
        self._does_the_last = False
        self._recovers = False
        self._status = DEAD
        self._stall_seconds = 0.0
        self._only = only
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}{target.path}"

    def die_at(
        self,
        request: int | None,
        *,
        does_the_last: bool = False,
        status: int = DEAD,
        stall_seconds: float = 0.0,
        recovers: bool = False,
    ) -> None:
        """Restart the count; refuse from this request on, or never if None.

        Refused requests are answered with `status` after `stall_seconds`. With `recovers` only one request is refused.
        """
        with self._lock:
            self._recovers = recovers
            self._seen, self._dies_at, self._does_the_last = 0, request, does_the_last
            self._status, self._stall_seconds = status, stall_seconds

    @property
    def seen(self) -> int:
        """The number of counted requests since `die_at`."""
        return self._seen

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _judge(self, path: str) -> tuple[bool, tuple[int, float] | None]:
        """Whether to forward the next request, and status and delay in seconds of the answer that replaces its own."""
        with self._lock:
            if self._only not in path:
                return True, None
            self._seen += 1
            if self._dies_at is None or self._seen < self._dies_at or (self._recovers and self._seen > self._dies_at):
                return True, None
            return self._seen == self._dies_at and self._does_the_last, (self._status, self._stall_seconds)

    def _pass_on(self, request: BaseHTTPRequestHandler) -> tuple[int, list[tuple[str, str]], bytes]:
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection(*self._address, timeout=30)
        try:
            connection.putrequest(request.command, request.path, skip_host=True, skip_accept_encoding=True)
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        storage = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_request(self) -> None:
                done, death = storage._judge(self.path)
                status, headers, body = storage._pass_on(self) if done else (DEAD, [], b"")
                if death is not None:
                    storage._closing.wait(death[1])
                    status, headers, body = death[0], [], b""
                length = next((value for name, value in headers if name.lower() == "content-length"), str(len(body)))
                self.send_response_only(status)
                for name, value in headers:
                    if name.lower() not in _NOT_PASSED_ON:
                        self.send_header(name, value)
                self.send_header("Content-Length", length if self.command == "HEAD" else str(len(body)))
                self.send_header("Connection", "close")
                self.close_connection = True
                with contextlib.suppress(ConnectionError):  # a client that gave up reads no answer
                    self.end_headers()
                    self.wfile.write(body)

            do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        return Handler
