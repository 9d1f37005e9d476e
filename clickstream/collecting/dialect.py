"""What a dialect is: how one protocol's requests are taken apart, what its events say, and what its clients wait for.

A dialect's module knows one protocol and nothing else. It splits a request into originals (one JSON object an event,
complete without its neighbours), reads an original into the fields of `ClientEvent`, and writes the answer that its
clients count as success. Keys, sites, limits, privacy and delivery are the collector's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from clickstream.collecting.request import Request
from clickstream.errors import ClickstreamError, InvalidRequest
from clickstream.event import Consent
from clickstream.sites.document import Site

# Where trackers put the write key of an original; taken off, so that no key is ever stored.
KEY_NAMES = ("write_key", "writeKey", "writekey", "api_key", "api_secret")


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a request: its original, or the bytes that hold none, and why."""

    original: object
    problem: InvalidRequest | None = None

    @classmethod
    def unreadable(cls, text: bytes, problem: InvalidRequest) -> Item:
        """What is no event of this dialect, kept as it came."""
        return cls(text, problem)


@dataclass(frozen=True, slots=True)
class Reading:
    """The events of one request in their order, and the write key where the body states it."""

    items: Sequence[Item]
    write_key: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one event of a request."""

    status: Literal["accepted", "failed"]
    event_id: str
    code: str | None = None
    pointer: str | None = None
    message: str | None = None
    consent: Consent | None = None
    bot: bool | None = None
    violations: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the client."""

    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


def ok(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """The usual answer: how many were accepted and how many failed. All of them are durable."""
    failed = sum(verdict.status == "failed" for verdict in verdicts)
    return Answer(orjson.dumps({"status": "ok", "accepted": len(verdicts) - failed, "failed": failed}))


Split = Callable[[Request], Reading]
Respond = Callable[[Request, Sequence[Verdict]], Answer]
Admit = Callable[[Request, Site], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One way in. `route` is a template of the Functions host, without its leading slash.

    `split` takes a request with its body decoded. It raises InvalidRequest where the body as a whole cannot be read,
    with the code `empty` where it holds nothing. `statuses` are what clients need in place of the usual status codes.
    `admit` raises an error of clickstream.errors where the site does not want the request; nothing is taken then.
    """

    function: str
    route: str
    split: Split
    methods: tuple[str, ...] = ("POST",)
    respond: Respond = ok
    statuses: Mapping[type[ClickstreamError], int] = field(default_factory=dict)
    admit: Admit | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Something that a client fetches before it sends: settings, flags. Takes no event.

    `respond` raises an error of clickstream.errors where there is no such thing.
    """

    function: str
    route: str
    respond: Callable[[Request], Answer]
    methods: tuple[str, ...] = ("GET",)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One protocol.

    `read` turns an original into fields of `ClientEvent`; names that are none become properties. It raises
    InvalidRequest with a pointer into the original. Failed events are read with it again when they are replayed, so it
    must not need more than the original.
    """

    name: str
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    endpoints: tuple[Endpoint, ...]
    pages: tuple[Page, ...] = ()
