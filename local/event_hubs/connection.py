"""One client's connection: handshake, sessions, and the dispatch of frames to links."""

from __future__ import annotations

import asyncio
import logging
import struct
from collections.abc import Callable
from typing import Any, cast

from . import frames
from .attaching import attach_link
from .broker import Broker
from .codec import CodecError
from .hubs import Hub
from .links import Link

log = logging.getLogger(__name__)
WINDOW = 2**31 - 1
DEFAULT_MAX_FRAME = 65_536
MIN_FRAME = 512
MAX_FRAME_ACCEPTED = 2**21
MIN_BEAT_MS = 100


class Session:
    """One session: its channel, and its links by handle. Both sides use the same handle numbers."""

    def __init__(self, connection: Connection, channel: int) -> None:
        self.connection = connection
        self.channel = channel
        self.links: dict[int, Link] = {}
        self.incoming = 0
        self.outgoing = 1

    def on_attach(self, fields: list[Any]) -> None:
        handle = fields[1]
        if handle in self.links:
            raise CodecError(f"handle {handle} is in use")
        link = attach_link(self, fields)
        if link is not None:
            self.links[handle] = link

    def on_flow(self, fields: list[Any]) -> None:
        link = self.links.get(fields[4])
        if link is not None:
            link.on_flow(fields)

    def on_transfer(self, fields: list[Any], payload: bytes) -> None:
        self.incoming += 1
        link = self.links.get(fields[0])
        if link is not None:
            link.on_transfer(fields, payload)

    def on_detach(self, fields: list[Any]) -> None:
        link = self.links.pop(fields[0], None)
        if link is not None:
            link.close()
            self.send(frames.detach(self.channel, fields[0]))

    def detach(self, handle: int, condition: str, description: str) -> None:
        """Close a link and send the client a detach frame with the error."""
        link = self.links.pop(handle, None)
        if link is not None:
            link.close()
            self.send(frames.detach(self.channel, handle, frames.error(condition, description)))

    def pump(self) -> None:
        """Let every link send what it has buffered."""
        for link in tuple(self.links.values()):
            link.pump()

    def send(self, *parts: bytes) -> None:
        self.connection.write(b"".join(parts))

    def send_flow(self, handle: int, delivery_count: int, credit: int, drain: bool = False) -> None:
        self.send(
            frames.flow(
                self.channel,
                next_incoming=self.incoming,
                next_outgoing=self.outgoing,
                window=WINDOW,
                handle=handle,
                delivery_count=delivery_count,
                credit=credit,
                drain=drain,
            )
        )

    def close(self) -> None:
        for link in self.links.values():
            link.close()
        self.links.clear()


class Connection(asyncio.Protocol):
    """Reads frames and writes each answer at once. Closes the connection of a client that violates the protocol."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.sessions: dict[int, Session] = {}
        self.authorized: set[str] = set()
        self.max_frame = DEFAULT_MAX_FRAME
        self.writable = True
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._in_header = True
        self._black_hole = False
        self._timers: set[asyncio.TimerHandle] = set()
        self._last_input_at = 0.0

    # --- transport -------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.broker.connections.add(self)
        self._last_input_at = asyncio.get_running_loop().time()
        self._watch_idle()
        if (rule := self.broker.faults.at("connect")) is not None:
            if rule.action == "drop":
                self.drop()
            self._black_hole = True

    def connection_lost(self, exc: Exception | None) -> None:
        self.broker.connections.discard(self)
        for session in self.sessions.values():
            session.close()
        self.sessions.clear()
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._last_input_at = asyncio.get_running_loop().time()
        if self._black_hole:
            return
        self._buffer += data
        try:
            self._read()
        except CodecError as problem:
            log.warning("a client violated the protocol: %s", problem)
            self.write(frames.close(frames.error("amqp:connection:framing-error", str(problem))))
            self.drop()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        for session in tuple(self.sessions.values()):
            session.pump()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._black_hole:
            self._transport.write(data)

    def drop(self) -> None:
        """Close the socket without an AMQP close frame."""
        if self._transport is not None:
            self._transport.abort()

    def swallow(self) -> None:
        """Ignore all input from now on, and send nothing, but keep the socket open."""
        self._black_hole = True

    def later(self, delay_ms: int, call: Callable[[], None]) -> None:
        """Call after a delay, unless the connection is closed by then."""

        def call_once() -> None:
            self._timers.discard(timer)
            call()

        if self._transport is not None:
            timer = asyncio.get_running_loop().call_later(delay_ms / 1000, call_once)
            self._timers.add(timer)

    def may_use(self, hub: Hub) -> bool:
        """Whether the client showed a valid token for the hub, or none is required."""
        return not self.broker.keys or hub.name.lower() in self.authorized

    # --- frames ----------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        position = 0
        buffer = self._buffer
        while len(buffer) - position >= 8:
            if self._in_header:
                self._on_header(bytes(buffer[position : position + 8]))
                position += 8
                continue
            size, offset, kind, channel = struct.unpack_from(">IBBH", buffer, position)
            if not 8 <= size <= MAX_FRAME_ACCEPTED or not 2 <= offset <= size // 4:
                raise CodecError(f"a frame of {size} bytes")
            if len(buffer) - position < size:
                break
            body = bytes(buffer[position + offset * 4 : position + size])
            position += size
            if body:
                self._on_frame(kind, channel, body)
        del buffer[:position]

    def _on_header(self, header: bytes) -> None:
        if header == frames.SASL_HEADER:
            self.write(frames.SASL_HEADER + frames.sasl_mechanisms())
        elif header == frames.AMQP_HEADER:
            self.write(frames.AMQP_HEADER)
        else:
            raise CodecError(f"{header!r} is not a protocol header")
        self._in_header = False

    def _on_frame(self, kind: int, channel: int, body: bytes) -> None:
        code, fields, payload_at = frames.parse(body)
        if kind == 1:
            if code == frames.SASL_INIT:
                self.write(frames.sasl_ok())
                self._in_header = True
            return
        if code == frames.OPEN:
            self._on_open(fields)
        elif code == frames.BEGIN:
            if channel in self.sessions:
                raise CodecError(f"channel {channel} is in use")
            self.sessions[channel] = Session(self, channel)
            self.write(frames.begin(channel, channel, WINDOW))
        elif code == frames.CLOSE:
            self.write(frames.close())
            if self._transport is not None:
                self._transport.close()
        elif (session := self.sessions.get(channel)) is None:
            return  # the SDK still sends frames of a session that it has ended
        elif code == frames.ATTACH:
            session.on_attach(fields)
        elif code == frames.TRANSFER:
            session.on_transfer(fields, body[payload_at:])
        elif code == frames.FLOW:
            session.on_flow(fields)
        elif code == frames.DETACH:
            session.on_detach(fields)
        elif code == frames.END:
            session.close()
            del self.sessions[channel]
            self.write(frames.end(channel))

    def _on_open(self, fields: list[Any]) -> None:
        self.max_frame = min(max(fields[2] or DEFAULT_MAX_FRAME, MIN_FRAME), MAX_FRAME_ACCEPTED)
        self.write(frames.open_(f"{self.broker.namespace}-emulator", self.broker.idle_ms))
        if fields[4]:
            self._beat(max(fields[4] // 2, MIN_BEAT_MS))

    def _beat(self, every_ms: int) -> None:
        self.write(frames.HEARTBEAT)
        self.later(every_ms, lambda: self._beat(every_ms))

    def _watch_idle(self) -> None:
        if asyncio.get_running_loop().time() - self._last_input_at > self.broker.idle_ms / 1000:
            self.write(frames.close(frames.error("amqp:connection:forced", "the connection was idle for too long")))
            self.drop()
        else:
            self.later(self.broker.idle_ms // 4, self._watch_idle)
