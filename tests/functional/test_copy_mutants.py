"""The rule of what a copy is, compared with a model over random multisets of messages; each mutant of it must differ.

A mutant is the source of the rule with one part of the key or of the fingerprint taken away. If the property held for
one, it would not show that the part counts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from clickstream.collecting import privacy_filter
from clickstream.compacting import dedupe
from clickstream.model.schema import TIMESTAMP
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.sites.privacy import Privacy, UserIds
from clickstream.table.specs import EVENTS_TABLE
from tests.support.mutants import mutated, replacing

START = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
PRIVACY = Privacy(user_ids=UserIds.KEEP)
KEYS = PseudonymKeys.parse("", "0123456789abcdef")
COMMITS = 3


@dataclass(frozen=True)
class Message:
    """All that a client sends about an event and about itself, to which site, and with which kind of key."""

    site: str = "brand"
    event_id: str = "1"
    key_kind: str = "public"
    event_type: str = "custom"
    event_name: str = "open"
    created_at: datetime | None = None
    user_id: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    properties: tuple[tuple[str, int], ...] = ()
    anonymous_id: str | None = None
    previous_id: str | None = None
    group_id: str | None = None
    session_id: str | None = None


@dataclass(frozen=True)
class Delivery:
    """One time that it is sent: in which commit it arrives, and what comes with the request."""

    message: Message
    commit: int = 0
    address: str = "198.51.100.0"
    cookie: str | None = None
    sent_at: datetime | None = None


VALUES: Mapping[str, Sequence[Any]] = {
    "site": ["brand", "rollup"],
    "event_id": ["1", "2"],
    "key_kind": ["public", "server"],
    "event_type": ["custom", "page_view"],
    "event_name": ["open", "buy"],
    "created_at": [None, START - timedelta(seconds=5)],
    "user_id": [None, "u"],
    "page_url": [None, "https://shop.example/a"],
    "referrer": [None, "https://shop.example/b"],
    "properties": [(), (("total", 5),)],
    "anonymous_id": [None, "a", "b"],
    "previous_id": [None, "p"],
    "group_id": [None, "g"],
    "session_id": [None, "s"],
}
MESSAGES = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in VALUES.items()}).map(
    lambda fields: Message(**fields)
)
# Each differs from the message that it is applied to in one field, or in none.
CHANGES = st.one_of(
    st.just({}), *(st.fixed_dictionaries({name: st.sampled_from(values)}) for name, values in VALUES.items())
)
DELIVERIES = st.builds(
    Delivery,
    st.just(Message()),
    st.integers(0, COMMITS - 1),
    st.sampled_from(["198.51.100.0", "203.0.113.0"]),
    st.sampled_from([None, "c"]),
    st.sampled_from([None, START]),
)
# A message and others that are nearly it, most of them delivered several times.
MULTISETS = st.tuples(
    MESSAGES, CHANGES, CHANGES, st.lists(st.tuples(st.integers(0, 2), DELIVERIES), min_size=2, max_size=10)
).map(
    lambda drawn: [
        replace(delivery, message=replace(drawn[0], **({}, drawn[1], drawn[2])[change]))
        for change, delivery in drawn[3]
    ]
)


@dataclass
class MemoryTable:
    """Rows in memory, found as a table of the lake finds them."""

    spec: Any = EVENTS_TABLE
    rows: list[dict[str, Any]] = field(default_factory=list)

    def dates(self) -> Collection[date]:
        return {row["event_date"] for row in self.rows}

    def find(self, column: str, wanted: pa.Table, dates: Sequence[date], columns: Sequence[str]) -> pa.Table:
        ids, sites = set(wanted[column].to_pylist()), set(wanted["site"].to_pylist())
        found = [
            row for row in self.rows if row[column] in ids and row["site"] in sites and row["event_date"] in set(dates)
        ]
        return table_of(found).select(list(columns))


SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("site", "event_id", "fingerprint", "hub_partition")),
        *((name, TIMESTAMP) for name in ("received_at", "occurred_at", "created_at", "enqueued_at")),
        ("event_date", pa.date32()),
        ("number", pa.int64()),
    ]
)


def table_of(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{name: row.get(name) for name in SCHEMA.names} for row in rows], schema=SCHEMA)


def row_of(delivery: Delivery, number: int, guard: ModuleType) -> dict[str, Any]:
    """What the collector makes of it, by the rule of `guard`."""
    said = delivery.message
    fields = {name: getattr(said, name) for name in VALUES if name != "properties"}
    at = START + timedelta(seconds=number)
    device = said.anonymous_id or delivery.cookie or f"of the day from {delivery.address}"
    fields |= {
        "properties": dict(said.properties),
        "anonymous_id": device,
        "id_source": "client" if said.anonymous_id else "cookie" if delivery.cookie else "day",
        "ip": delivery.address,
        "received_at": at,
        "occurred_at": START,
        "sent_at": delivery.sent_at,
        "dialect": "plain",
        "context": {"network_user_id": delivery.cookie} if delivery.cookie else {},
    }
    event, _ = guard.apply_privacy(fields, guard.decision_on({}, None, {}, PRIVACY), PRIVACY, None, KEYS)
    return {
        **{name: getattr(event, name) for name in ("site", "event_id", "fingerprint", "received_at", "created_at")},
        "occurred_at": START,
        "enqueued_at": at,
        "event_date": START.date(),
        "hub_partition": "0",
        "number": number,
    }


def kept(
    deliveries: Sequence[Delivery], guard: ModuleType = privacy_filter, rule: ModuleType = dedupe
) -> list[Message]:
    """The messages that become rows, commit by commit."""
    table = MemoryTable()
    for commit in range(COMMITS):
        rows = [row_of(each, at, guard) for at, each in enumerate(deliveries) if each.commit == commit]
        if rows:
            table.rows += rule.separate(table_of(rows), "event_id", table).new.to_pylist()
    return [deliveries[row["number"]].message for row in table.rows]


def holds(deliveries: Sequence[Delivery], **mutant: ModuleType) -> bool:
    """Each message is one row, and nothing else is one."""
    rows = kept(deliveries, **mutant)
    return len(rows) == len(set(rows)) and set(rows) == {delivery.message for delivery in deliveries}


@given(MULTISETS)
@settings(max_examples=150)
def test_each_message_of_a_sender_to_a_site_is_one_row_however_often_it_comes(deliveries: list[Delivery]) -> None:
    assert holds(deliveries)


CONTENT = ("event_type", "event_name", "created_at", "user_id", "page_url", "referrer", "properties")
KEYED = "message.site, message.id"
COPY = 'return fingerprint in self.fingerprints or (fingerprint or "")[:CONTENT_DIGITS] in self.fingerprints'
# By what is lost: the module, a text in its source, and the text that replaces it in the mutant.
MUTANTS: Mapping[str, tuple[ModuleType, str, str]] = {
    "the site of the key": (dedupe, KEYED, "None, message.id"),
    "the id of the key": (dedupe, KEYED, "message.site, None"),
    "the fingerprint": (dedupe, COPY, "return bool(self.fingerprints)"),
    "the sender's digits": (
        dedupe,
        COPY,
        "return (fingerprint or '')[:CONTENT_DIGITS] in {each[:CONTENT_DIGITS] for each in self.fingerprints}",
    ),
    "what is stored already": (dedupe, "in _messages(stored, id_column):", "in ():"),
    "what came before in the commit": (dedupe, "        before.add(message)\n", ""),
    **{f"{name} of the content": (privacy_filter, f'"{name}"', "") for name in CONTENT},
    **{
        f"{name} of the sender": (privacy_filter, f'"{name}"', "") for name in ("previous_id", "group_id", "session_id")
    },
    "the device that the client states": (privacy_filter, 'sender["anonymous_id"] = fields["anonymous_id"]', "pass"),
    "that the key is secret": (privacy_filter, 'sender["secret_key"] = True', "pass"),
    "that a cookie's and the day's id do not count": (
        privacy_filter,
        'if fields["id_source"] == "client":',
        "if True:",
    ),
    "that the clock of transport does not count": (privacy_filter, "SENDER = (", 'SENDER = ("sent_at", '),
    "that the address does not count": (privacy_filter, "SENDER = (", 'SENDER = ("ip", '),
}


def change_of(lost: str) -> Callable[[str], str]:
    """The change of the module's source."""
    _, there, instead = MUTANTS[lost]
    if not lost.endswith((" of the content", " of the sender")):
        return replacing(there, instead)
    constant = "CONTENT" if lost.endswith(" of the content") else "SENDER"

    def without_the_name(source: str) -> str:
        start = source.index(f"\n{constant} = (")
        end = source.index("\n", start + 1)
        names = source[start:end]
        assert there in names, "the rule counts it"
        return source[:start] + names.replace(f"{there}, ", "").replace(f", {there}", "") + source[end:]

    return without_the_name


@pytest.mark.parametrize("lost", MUTANTS)
def test_no_part_of_the_rule_can_be_lost_unseen(lost: str) -> None:
    few = settings(max_examples=400, database=None, derandomize=True, phases=[Phase.generate])
    with mutated([privacy_filter, dedupe], MUTANTS[lost][0], change_of(lost)) as copies:
        mutant = {"guard": copies["privacy_filter"], "rule": copies["dedupe"]}
        find(MULTISETS, lambda deliveries: not holds(deliveries, **mutant), settings=few)
