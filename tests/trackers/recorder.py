"""A recorder on the way from a client to the functions: bytes pass unchanged, and a test sees what was really sent."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
import uvicorn

HOP_BY_HOP = frozenset({b"connection", b"keep-alive", b"transfer-encoding", b"content-length"})
LONGEST_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Sent:
    """One request as it left the client, and how it was answered. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    status: int
    answer_headers: dict[str, str]
    answer: bytes


Awaited = Callable[[Sequence[Sent]], bool]
"""Whether all that a client is to send has come."""


class Recorder:
    """Listens on a port of its own and passes on to `target`; answers the first requests with `refusals`, if any.

    `refusals` are status codes; preflights are never refused. A refused request does not reach the target.
    """

    def __init__(self, target: str, refusals: Sequence[int] = ()) -> None:
        self._target = httpx.URL(target)
        self._refusals = list(refusals)
        self._sent: list[Sent] = []
        self._open = 0
        self._changed_at = time.monotonic()
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self.base_url = f"http://localhost:{self._listener.getsockname()[1]}"
        config = uvicorn.Config(
            self._answer,
            interface="asgi3",
            lifespan="off",
            ws="none",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the recorder could not start"
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._server.force_exit = True  # clients may hold connections open
        self._thread.join()
        self._listener.close()

    def requests(self, quiet_seconds: float = 0, awaited: Awaited = lambda sent: True) -> list[Sent]:
        """What was sent, in the order of the answers, once `awaited` is there and nothing comes any more.

        `quiet_seconds` is how long nothing has to come, counted from the call: a page is left just before it.
        """
        called_at = time.monotonic()
        deadline = called_at + LONGEST_SECONDS
        while (
            self._open or time.monotonic() - max(called_at, self._changed_at) < quiet_seconds or not awaited(self._sent)
        ):
            assert time.monotonic() < deadline, "the client does not stop sending, or does not send what is awaited"
            time.sleep(0.02)
        return list(self._sent)

    async def _answer(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        self._open += 1
        self._changed_at = time.monotonic()
        try:
            body = await _read(receive)
            status, headers, answer = await self._pass_on(scope, body)
            self._sent.append(
                Sent(
                    method=scope["method"],
                    path=scope["raw_path"].decode("latin-1"),
                    query=scope["query_string"].decode("latin-1"),
                    headers=_texts(scope["headers"]),
                    body=body,
                    status=status,
                    answer_headers=_texts(headers),
                    answer=answer,
                )
            )
            headers = [*headers, (b"content-length", str(len(answer)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": answer})
        finally:
            self._open -= 1
            self._changed_at = time.monotonic()

    async def _pass_on(self, scope: dict[str, Any], body: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        headers = [(name, value) for name, value in scope["headers"] if name not in HOP_BY_HOP]
        is_remote = self._target.scheme == "https"
        if is_remote:  # where many apps stand behind one address, the name decides
            headers = [(name, value) for name, value in headers if name != b"host"]
        if self._refusals and scope["method"] != "OPTIONS":
            # Readable by pages too, so that a browser's client sees the status and not a failed connection.
            origin = dict(headers).get(b"origin", b"*")
            cors = [(b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")]
            return self._refusals.pop(0), cors, b""
        path = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        request = httpx.Request(
            scope["method"], self._target.copy_with(raw_path=path), headers=headers, content=body or None
        )
        async with httpx.AsyncClient(timeout=180, verify=is_remote, trust_env=is_remote) as client:
            response = await client.send(request, stream=True)
            answer = b"".join([chunk async for chunk in response.aiter_raw()])
        kept = [(name.lower(), value) for name, value in response.headers.raw if name.lower() not in HOP_BY_HOP]
        return response.status_code, kept, answer


async def _read(receive: Any) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


def _texts(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
