"""A dialect: how requests of one protocol are split, how its events are read, and how its clients are answered.

A dialect's module knows one protocol and nothing else. It splits a request into originals (one JSON object per event,
complete without its neighbours), reads an original into the fields of `ClientEvent`, and writes the answer that its
clients count as success. Keys, sites, limits, privacy and delivery are the collector's.

The cost of splitting is proportional to the body: fields that a request has for all its events are merged into an event
only when it is processed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

import orjson

from clickstream.collecting.request import Request
from clickstream.errors import ClickstreamError, InvalidRequest, RequestTooLarge
from clickstream.model.event import Consent
from clickstream.sites.document import Site

# Members in which trackers put the write key. They are removed from originals, so that no key is ever stored.
KEY_NAMES = ("write_key", "writeKey", "writekey", "api_key", "api_secret")


@dataclass(frozen=True, slots=True)
class Item:
    """One event of a request: its original, or bytes that cannot be parsed; `problem` is why it must fail."""

    original: object
    problem: InvalidRequest | None = None

    @classmethod
    def unreadable(cls, text: bytes, problem: InvalidRequest) -> Item:
        """Bytes that are no event of this dialect, unchanged."""
        return cls(text, problem)


@dataclass(frozen=True, slots=True)
class Reading:
    """The events of one request in their order, and the write key if the body names it.

    `elements` are the events as in the body; `complete` makes an Item of one. The collector calls it just before it
    processes the event, so that only one event at a time holds a copy of the fields that all share. `respond` writes
    the answer if this request's client needs another than that of its endpoint.
    """

    elements: Sequence[object]
    write_key: str | None = None
    complete: Callable[[object], Item] = Item
    respond: Callable[[Sequence[Verdict]], Answer] | None = None


def up_to(limit: int, events: Iterable[object]) -> Sequence[object]:
    """The events of a request. Raise RequestTooLarge, without reading the rest, if there are more than `limit`."""
    first = list(islice(events, limit + 1))
    if len(first) > limit:
        raise RequestTooLarge(f"a request has at most {limit} events, and this one has more")
    return first


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of one event of a request. An accepted event has no `code`, `pointer` and `message`."""

    status: Literal["accepted", "failed"]
    event_id: str
    code: str | None = None
    pointer: str | None = None
    message: str | None = None
    consent: Consent | None = None
    bot: bool | None = None
    violations: Sequence[Mapping[str, Any]] = ()
    left_out: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The HTTP answer to the client."""

    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200


def ok(request: Request, verdicts: Sequence[Verdict]) -> Answer:
    """The default answer: the numbers of accepted and failed events. All of them are durable."""
    failed = sum(verdict.status == "failed" for verdict in verdicts)
    return Answer(orjson.dumps({"status": "ok", "accepted": len(verdicts) - failed, "failed": failed}))


def answering(body: bytes, media_type: str = "application/json") -> Respond:
    """The same answer to every request."""
    return lambda request, verdicts: Answer(body, media_type)


Split = Callable[[Request, int], Reading]
BodyKeys = Callable[[Request], Iterator[str]]
Respond = Callable[[Request, Sequence[Verdict]], Answer]
Admit = Callable[[Request, Site], None]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One route that takes events. `route` is a template of the Functions host, without its leading slash.

    `split` takes a request with its body decoded, and the maximum number of its events. It raises InvalidRequest if the
    body as a whole cannot be read, with the code `empty` if it holds nothing; RequestTooLarge if it holds more events.
    `statuses` are the status codes that replace the usual ones for this protocol's clients. `admit` raises an error of
    clickstream.errors if the site does not accept the request; nothing is stored then.

    A key that is in none of the places that all dialects share is in one of `key_parameters`, or in the body:
    `body_keys` finds candidates for the key without parsing. If none of them opens a site, the body is not parsed.
    """

    function: str
    route: str
    split: Split
    key_parameters: tuple[str, ...] = ()
    body_keys: BodyKeys | None = None
    methods: tuple[str, ...] = ("POST",)
    respond: Respond = ok
    statuses: Mapping[type[ClickstreamError], int] = field(default_factory=dict)
    admit: Admit | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A resource that a client fetches before it sends, such as settings or flags. It takes no events.

    `respond` raises an error of clickstream.errors if there is no such resource.
    """

    function: str
    route: str
    respond: Callable[[Request], Answer]
    methods: tuple[str, ...] = ("GET",)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One protocol.

    `read` turns an original into fields of `ClientEvent`; unknown names become properties. It raises InvalidRequest
    with a pointer into the original. A replay reads failed events with it again, so it must not need more than the
    original.
    """

    name: str
    read: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    endpoints: tuple[Endpoint, ...]
    pages: tuple[Page, ...] = ()
