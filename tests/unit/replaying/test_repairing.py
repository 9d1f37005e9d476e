"""One failed event judged again: what is kept of its first time, and what can be no event."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.client_context import ClientContext
from clickstream.collecting.dialect import Item
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.event_processor import EventProcessor, Outcome
from clickstream.model.event import Event
from clickstream.replaying.failed_row import FailedRow
from clickstream.replaying.repairing import Repair, event_name_of, repair, repair_bodies
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site, parse_site

SITE = parse_site(b"site: shop\nkeys:\n- {kind: public, key: shop-key}\n", expected="shop")
SETTINGS = Settings.from_env({"EventHubConnection": "x", "Lake": "x", "VISITOR_ID_KEY": "0123456789abcdef"})
PROCESSOR = EventProcessor.from_settings(SETTINGS, 100_000)
AT = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
SEEN: dict[str, Any] = {"visitor_id": "v" * 32, "ip": "203.0.113.0", "user_agent": "agent", "language": "en"}


def row(payload: object, **fields: Any) -> FailedRow:
    values: dict[str, Any] = {
        "failed_event_id": "f1",
        "received_at": AT,
        "failed_date": date(2026, 3, 10),
        "stage": "collect",
        "failure_class": "schema_violation",
        "pointer": "",
        "message": "wrong",
        "dialect": "plain",
        "key_kind": "public",
        "seen": json.dumps(SEEN),
        "payload": payload if isinstance(payload, bytes) else json.dumps(payload).encode(),
        "payload_truncated": False,
    }
    return FailedRow(**{**values, **fields})


def body_of(repaired: Repair) -> dict[str, Any]:
    assert repaired.message is not None, repaired
    body: dict[str, Any] = orjson.loads(repaired.message.body)
    return body


def test_an_event_is_what_it_would_have_been_had_it_passed_at_once() -> None:
    original = {"name": "sale", "event_id": "e1", "created_at": "2026-03-10T11:00:00Z", "properties": {"price": 1}}
    access = Access(SITE, KeyKind.PUBLIC)
    at_once = PROCESSOR.process(Item(original), DIALECTS["plain"], access, ClientContext(**SEEN), AT, lambda: "another")
    assert repair(row(original), SITE, PROCESSOR).message == at_once.message


def test_the_clients_id_stays_and_else_the_failed_events_id_is_taken_every_time() -> None:
    assert repair(row({"name": "x", "event_id": "e1"}), SITE, PROCESSOR).event_id == "e1"
    first, second = (repair(row({"name": "x"}), SITE, PROCESSOR) for _ in range(2))
    assert (first.event_id, first.message) == ("f1", second.message)


def test_the_sender_is_who_was_seen_then() -> None:
    body = body_of(repair(row({"name": "x", "ip": "198.51.100.7", "user_agent": "forged"}), SITE, PROCESSOR))
    assert (body["ip"], body["user_agent"], body["anonymous_id"]) == ("203.0.113.0", "agent", "v" * 32)


@pytest.mark.parametrize("seen", [None, "{}", "null", "[]"])
def test_of_a_public_sender_of_whom_nothing_was_kept_nothing_is_made_up(seen: str | None) -> None:
    body = body_of(repair(row({"name": "x", "ip": "198.51.100.7"}, seen=seen), SITE, PROCESSOR))
    assert not {"ip", "anonymous_id", "user_agent"} & set(body)


def test_a_server_speaks_for_another_as_it_did_then() -> None:
    stated = {"name": "x", "ip": "198.51.100.0", "user_agent": "theirs"}
    body = body_of(repair(row(stated, key_kind="server", seen="{}"), SITE, PROCESSOR))
    assert (body["ip"], body["user_agent"]) == ("198.51.100.0", "theirs")
    known = body_of(repair(row(stated, key_kind="server"), SITE, PROCESSOR))
    assert (known["ip"], known["user_agent"]) == ("203.0.113.0", "agent")


def test_what_is_kept_of_a_sender_that_is_no_more_known_here_does_no_harm() -> None:
    seen = json.dumps({**SEEN, "of_an_older_version": "x", "language": 5, "signals": {"dnt": True}})
    assert body_of(repair(row({"name": "x"}, seen=seen), SITE, PROCESSOR))["ip"] == "203.0.113.0"


def test_history_keeps_its_moment_and_only_with_the_key_for_it() -> None:
    long_ago = {"name": "x", "created_at": "2020-01-01T00:00:00Z"}
    assert body_of(repair(row(long_ago, key_kind="import"), SITE, PROCESSOR))["occurred_at"] == "2020-01-01T00:00:00Z"
    for kind in ("public", "server", None, "read", "nonsense"):
        assert body_of(repair(row(long_ago, key_kind=kind), SITE, PROCESSOR))["clock_clamped"] is True


@pytest.mark.parametrize(
    ("failed", "code"),
    [
        (row({"name": "x"}, payload_truncated=True), "payload_truncated"),
        (row(b"\x00\xff"), "payload_format"),
        (row(b'{"name": "x"'), "payload_format"),
        (row(b""), "payload_format"),
        (row({"name": "x"}, dialect="telegraph"), "unknown_dialect"),
        (row({"name": "x"}, dialect=None), "unknown_dialect"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_keeps_no_original_cannot_be_replayed(failed: FailedRow, code: str) -> None:
    told = repair(failed, SITE, PROCESSOR)
    assert (told.outcome, told.code, told.message) == ("not_replayable", code, None)
    assert told.reason


@pytest.mark.parametrize("payload", [5, None, [{"name": "x"}], {"name": 5}, {"name": "x", "properties": {"n": 1e999}}])
def test_what_still_is_no_event_fails_again(payload: object) -> None:
    told = repair(row(payload), SITE, PROCESSOR)
    assert (told.outcome, told.code, told.message) == ("still_failed", "schema_violation", None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.just("name"), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(JSON | st.binary(), st.sampled_from(sorted(DIALECTS)), st.sampled_from(["public", "server", "import"]))
def test_any_payload_of_any_protocol_has_an_outcome_and_the_same_every_time(
    original: object, dialect: str, kind: str
) -> None:
    failed = row(original, dialect=dialect, key_kind=kind)
    event_name_of(failed)
    assert repair(failed, SITE, PROCESSOR) == repair(failed, SITE, PROCESSOR)


CANARIES = ("203.0.113.77", "jane.doe@example.com", "canary-token-0123456789")
DEFINED = """
site: shop
keys: [{kind: public, key: shop-key}]
events:
  mode: block
  definitions: [{name: sale, properties: {price: {type: %s}}}]
"""


@pytest.mark.parametrize("consent", ["full", "anonymous"])
def test_what_was_redacted_for_keeping_stays_so_and_the_event_is_the_one_it_would_have_been(consent: str) -> None:
    broken, fixed = (parse_site((DEFINED % kind).encode(), expected="shop") for kind in ("string", "number"))
    original = {
        "name": "sale",
        "event_id": "e1",
        "ip": "203.0.113.77",
        "consent": consent,
        "anonymous_id": "device-1",
        "user_id": "u1",
        "page_url": "https://shop.example/p?mail=jane.doe@example.com&access_token=canary-token-0123456789",
        "properties": {"price": 5, "mail": "jane.doe@example.com"},
    }
    seen = ClientContext(**SEEN)
    plain = DIALECTS["plain"]

    def judged(site: Site) -> Outcome:
        return PROCESSOR.process(Item(original), plain, Access(site, KeyKind.PUBLIC), seen, AT, lambda: "f1")

    failed = orjson.loads(judged(broken).message.body)
    kept = row(b64decode(failed["payload"]), seen=json.dumps(failed["seen"]))
    replayed = repair(kept, fixed, PROCESSOR)
    at_once = orjson.loads(judged(fixed).message.body)
    assert body_of(replayed) == at_once
    assert [canary for canary in CANARIES if canary in json.dumps([failed, kept.payload.decode(), at_once])] == []


@pytest.mark.parametrize("kind", [KeyKind.PUBLIC, KeyKind.SERVER, KeyKind.IMPORT])
def test_a_repaired_event_keeps_the_kind_and_the_stream_of_the_key_it_came_with(kind: KeyKind) -> None:
    broken, fixed = (parse_site((DEFINED % each).encode(), expected="shop") for each in ("string", "number"))
    item = Item({"name": "sale", "user_id": "u1", "properties": {"price": 5}})
    plain = DIALECTS["plain"]

    def judged(site: Site) -> Outcome:
        return PROCESSOR.process(item, plain, Access(site, kind, "app"), None, AT, lambda: "f1")

    failed = orjson.loads(judged(broken).message.body)
    kept = row(b64decode(failed["payload"]), key_kind=failed["key_kind"], stream=failed["stream"], seen=None)
    event = body_of(repair(kept, fixed, PROCESSOR))
    assert event == orjson.loads(judged(fixed).message.body)
    assert (event["key_kind"], event["stream"]) == (kind, "app")


def body(**fields: Any) -> bytes:
    event = Event(
        event_id="e1",
        site="shop",
        event_type="custom",
        event_name="sale",
        received_at=AT,
        occurred_at=AT,
        dialect="plain",
        fingerprint="f",
        consent="full",
        anonymous_id="a1",
    )
    return replace(event, **fields).to_json()


def test_a_body_that_compaction_reads_now_goes_to_the_hub_as_it_is() -> None:
    rows = [
        row(body(), stage="compact", failed_event_id="1"),
        row(b"no json", stage="compact", failed_event_id="2"),
        row(b'{"site": "shop"}', stage="compact", failed_event_id="3"),
        row(body(site="blog"), stage="compact", failed_event_id="4"),
        row(body(), stage="compact", failed_event_id="5", payload_truncated=True),
    ]
    told = repair_bodies(rows, SITE)
    assert [(each.row.failed_event_id, each.outcome, each.code) for each in told] == [
        ("1", "repaired", None),
        ("2", "not_replayable", "payload_format"),
        ("3", "still_failed", "schema_violation"),
        ("4", "not_replayable", "other_site"),
        ("5", "not_replayable", "payload_truncated"),
    ]
    assert told[0].message is not None
    assert (told[0].message.body, told[0].message.key, told[0].event_id) == (body(), "a1", "e1")
    assert told[0].message.properties == {
        "site": "shop",
        "event_type": "custom",
        "event_name": "sale",
        "schema_version": "1",
    }
    assert repair_bodies(rows[4:], SITE)[0].outcome == "not_replayable"


@pytest.mark.parametrize(
    ("failed", "name"),
    [
        (row({"name": " sale "}), "sale"),
        (row({"name": "pageview"}), "page_view"),
        (row({"name": 5}), None),
        (row([]), None),
        (row(b"\xff"), None),
        (row({"name": "x"}, dialect="telegraph"), None),
        (row(b'{"event_name": "sale"}', stage="compact"), "sale"),
    ],
    ids=lambda value: str(value) if not isinstance(value, FailedRow) else "",
)
def test_the_name_is_what_the_rules_in_force_read(failed: FailedRow, name: str | None) -> None:
    assert event_name_of(failed) == name
