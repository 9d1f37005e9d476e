"""The admin port: counts, events, faults and on-demand Capture, as JSON over HTTP/1.1."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from .broker import Broker
from .capture import Capture
from .faults import InvalidRule, Rule
from .received import InvalidSearch, Search, find

MAX_BODY_BYTES = 65_536


class Admin:
    """Serves the admin API, one request per connection."""

    def __init__(self, broker: Broker, capture: Capture | None) -> None:
        self._broker = broker
        self._capture = capture

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request and close the connection. An invalid request gets 400."""
        try:
            method, path, body = await _read_request(reader)
            status, answer = await self.answer(method, path, body)
        except (ValueError, asyncio.IncompleteReadError) as problem:
            status, answer = 400, {"error": str(problem)}
        except ConnectionError:
            return
        payload = json.dumps(answer).encode()
        head = f"HTTP/1.1 {status} \r\nContent-Type: application/json\r\nContent-Length: {len(payload)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + payload)
        try:
            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    async def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """HTTP status and JSON body of the answer. Raise ValueError for a body that is not JSON."""
        match method, path:
            case "GET", "/":
                return 200, self._broker.as_json()
            case "POST", "/events":
                try:
                    search = Search.parse(json.loads(body))
                except InvalidSearch as problem:
                    return 400, {"error": str(problem)}
                if (hub := self._broker.hub(search.hub)) is None:
                    names = ", ".join(hub.name for hub in self._broker.hubs.values())
                    return 404, {"error": f"no hub {search.hub}; the hubs are {names}"}
                return 200, await find(hub, search)
            case "POST", "/faults":
                document = json.loads(body)
                try:
                    rules = [Rule.parse(rule) for rule in (document if isinstance(document, list) else [document])]
                except InvalidRule as problem:
                    return 400, {"error": str(problem)}
                self._broker.faults.rules += rules
                return 200, self._broker.faults.as_json()
            case "DELETE", "/faults":
                self._broker.faults.rules.clear()
                return 200, []
            case "POST", "/drop":
                return 200, {"dropped": self._broker.drop_connections()}
            case "POST", "/capture/flush":
                if self._capture is not None:
                    await self._capture.flush()
                return 200, self._broker.as_json()
            case _:
                return 404, {"error": f"no route {method} {path}"}


async def _read_request(reader: asyncio.StreamReader) -> tuple[str, str, bytes]:
    line = (await reader.readline()).decode("latin-1").split()
    if len(line) != 3:
        raise ValueError("not an HTTP request")
    length = 0
    while (header := await reader.readline()).strip():
        name, _, value = header.decode("latin-1").partition(":")
        if name.lower() == "content-length":
            length = int(value)
    if not 0 <= length <= MAX_BODY_BYTES:
        raise ValueError(f"a body has at most {MAX_BODY_BYTES} bytes")
    return line[0], line[1].partition("?")[0], await reader.readexactly(length)
