"""What redaction costs grows with the text alone, however it is composed; and nothing survives for want of steps."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clickstream.privacy.minimising import without_ids
from clickstream.privacy.redaction import (
    Redactor,
    redact_bytes,
    redact_json,
    redact_query,
    redact_text,
    redact_url,
)
from clickstream.privacy.screening import may_need_redaction
from clickstream.privacy.steps import Steps

MAX_TEXT = 8_192
SECRETS = ("jane.doe@canary.example", "203.0.113.77", "ghp_0123456789abcdefghijABCDEFGHIJ")
PARTS = (
    *(
        "a",
        "=",
        "&",
        "?",
        "%",
        "2",
        "5",
        ":",
        "/",
        "http://",
        "@",
        ".",
        ";",
        "#",
        " ",
        '"',
        "'",
        "\\",
        "[",
        "{",
        "x=",
        "é",
    ),
    *(
        "%25",
        "%3D",
        "%40",
        "eyJ",
        "W3si",
        "eyJhIjp7fQ",
        "token=",
        '"token":',
        "::1:",
        "1.2.3.4 ",
        "sk-",
        "Bearer ",
        "=[",
    ),
    *("-----BEGIN ", "4111 1111 1111 1111 ", "data://", "a@b.cd"),
)
# What a redactor does to one text.
USES: dict[str, Callable[[Redactor, str], object]] = {
    "url": Redactor.url,
    "query": Redactor.query,
    "text": Redactor.text,
    "agent": Redactor.agent,
    "json": lambda redactor, text: redactor.json({"a": text, "user_agent": text}),
    "list": lambda redactor, text: redactor.json([text[at : at + 40] for at in range(0, len(text), 40)]),
    "keys": lambda redactor, text: redactor.json({text[at : at + 40]: text[at:][:9] for at in range(0, len(text), 40)}),
    "bytes": lambda redactor, text: redactor.bytes(text.encode("utf-8", "surrogatepass")),
}


# Those that cut no text in two.
WHOLE = ("url", "query", "text", "agent", "json", "bytes")


def without_limit() -> Steps:
    steps = Steps(0)
    steps.left = 10**12
    return steps


def steps_for(use: str, text: str) -> int:
    steps = without_limit()
    before = steps.left
    USES[use](Redactor(steps), text)
    return before - steps.left


def seconds_for(work: Callable[[], object]) -> float:
    """Processor time, the shortest of three: other work on the machine takes part of the others."""
    taken = []
    for _ in range(3):
        started = time.process_time()
        work()
        taken.append(time.process_time() - started)
    return min(taken)


repeated = st.lists(st.sampled_from(PARTS), min_size=1, max_size=6).map("".join)
begun = st.tuples(repeated, repeated)


@settings(max_examples=300, deadline=None)
@given(begun, st.sampled_from(sorted(USES)))
def test_eight_times_as_long_a_text_takes_no_more_steps_than_composition_allows(
    parts: tuple[str, str], use: str
) -> None:
    """Quadratic work would take 64 times as many; a rule that applies to the longer text alone, some times as many."""
    start, again = parts
    short, long = ((start + again * length)[:length] for length in (2_048, 16_384))
    assert steps_for(use, long) <= 32 * steps_for(use, short) + 20_000


@settings(max_examples=150, deadline=None)
@given(begun, st.sampled_from(sorted(USES)))
def test_no_text_costs_a_stranger_more_than_milliseconds_of_the_processor(parts: tuple[str, str], use: str) -> None:
    start, again = parts
    text = (start + again * MAX_TEXT)[:MAX_TEXT]
    # It takes one; the rest is for machines with other work.
    assert seconds_for(lambda: USES[use](Redactor(Steps(len(text))), text)) < 0.05


@pytest.mark.parametrize(
    "text",
    [
        "http://x/?a=" * 20 + "%",
        "http://x/?a=" * 30 + "%",
        "http://x/?a=" * 680,
        "%25252561=" * 38,
        "%25252561=" * 800,
        "a=" * 150,
        "a=" * 4_096,
        "a=[" * 2_700,
        "%25" * 2_700,
        "%" + "25" * 4_000,
        "%401.2.3.41.2.3.4" * 480,
        '["' * 4_096,
        "[" * 8_192,
        '{"a":' * 1_600,
    ],
)
@pytest.mark.parametrize("use", sorted(USES))
@pytest.mark.parametrize("end", ["", "jane.doe@canary.example"])
def test_a_stranger_stops_no_worker_by_nesting(text: str, end: str, use: str) -> None:
    assert seconds_for(lambda: USES[use](Redactor(Steps(len(text))), text + end)) < 0.05


def test_a_sign_in_loop_keeps_its_address_and_costs_no_time() -> None:
    url = "https://shop.example/login"
    for _ in range(5):
        url = f"https://shop.example/login?return_to={quote(url, safe='')}"
    assert redact_url(url) == url
    assert seconds_for(lambda: redact_url(url)) < 0.01


def test_nothing_a_stranger_nests_ends_in_an_exception() -> None:
    deep: Any = "jane.doe@canary.example"
    for _ in range(5_000):
        deep = [deep]
    for level in range(0, 40, 3):
        text = json.dumps([["x"] * 3]) + "a@b.example"
        for _ in range(level):
            text = quote(f'?a=[[[["{text}"]]]]', safe="")[:MAX_TEXT]
        redact_query(text)
        redact_json({"q": text, "deep": deep})
    assert "canary" not in json.dumps(redact_json(["x", {"deep": "[" * 900 + '"jane.doe@canary.example"' + "]" * 900}]))
    without_ids({"a": "[" * 1_000 + "]" * 1_000, "b": deep[0]}, None)


# How texts are packed into one another.
PACKINGS: dict[str, Callable[[str], str]] = {
    "percent": lambda text: quote(text, safe=""),
    "parameter": lambda text: f"q={text}",
    "encoded parameter": lambda text: f"?n=1&next={quote(text, safe='')}",
    "address": lambda text: f"https://shop.example/a?u={text}",
    "encoded address": lambda text: quote(f"https://shop.example/a?u={text}", safe=""),
    "document": lambda text: json.dumps({"a": [text], "n": 1}),
    "text of a document": lambda text: json.dumps({"inner": json.dumps([text])}),
    "base64": lambda text: base64.urlsafe_b64encode(json.dumps({"a": text}).encode()).decode(),
    "prose": lambda text: f"see {text} there",
    "broken document": lambda text: json.dumps({"a": {"b": text}})[:-1],
}
packed = st.tuples(st.sampled_from(SECRETS), st.lists(st.sampled_from(sorted(PACKINGS)), max_size=6)).map(
    lambda planted: _packed(*planted)
)


def _packed(secret: str, packings: list[str]) -> tuple[str, str]:
    text = secret
    for name in packings:
        text = PACKINGS[name](text)
    return secret, text


def everything_in(text: str) -> set[str]:
    """A text, and all that can be unpacked from it."""
    found, left = {text}, [text]
    while left:
        text = left.pop()
        inner = [unquote(text), text.replace("\\", "")]
        for word in text.replace("=", " ").replace('"', " ").replace("&", " ").split():
            try:
                inner.append(base64.urlsafe_b64decode(word + "==").decode())
            except ValueError:
                continue
        left += [each for each in inner if each not in found]
        found.update(inner)
    return found


def kept_of(use: str, text: str, steps: Steps) -> str:
    kept = USES[use](Redactor(steps), text)
    return kept.decode() if isinstance(kept, bytes) else str(kept)


@settings(deadline=None)
@given(packed, st.sampled_from(WHOLE))
def test_no_secret_survives_however_it_is_packed(planted: tuple[str, str], use: str) -> None:
    secret, text = planted
    assert not any(secret in each for each in everything_in(kept_of(use, text, Steps(len(text)))))


@settings(deadline=None, max_examples=300)
@given(packed, st.sampled_from(WHOLE), st.integers(0, 25_000))
def test_no_secret_survives_for_want_of_steps(planted: tuple[str, str], use: str, left: int) -> None:
    secret, text = planted
    steps = Steps(0)
    steps.left = left
    assert not any(secret in each for each in everything_in(kept_of(use, text, steps)))


def test_what_is_encoded_too_often_to_be_looked_into_is_redacted() -> None:
    value = "jane.doe@canary.example"
    for _ in range(20):
        value = quote(value, safe="")
    assert redact_query(f"n=1&q={value}") == "n=1&q=REDACTED"
    assert redact_text(f"see {value} there") == "see REDACTED there"


def test_what_takes_more_steps_than_an_event_has_is_redacted_and_the_rest_stays() -> None:
    costly = " ".join(f"n{number}@canary.example" for number in range(300))
    kept = redact_json({"first": "Blue shirt", "costly": costly, "last": "12 EUR"})
    assert kept == {"first": "Blue shirt", "costly": "REDACTED", "REDACTED": "REDACTED"}


def test_a_copy_is_redacted_alike_whatever_else_was_redacted_before() -> None:
    event = {"q": "http://x/?a=" * 300 + "%", "mail": "a@b.example", "list": ["jane@canary.example"] * 500}
    first = redact_json(event)
    for text in ("http://x/?a=" * 20, "a@b.example"):
        redact_text(text)
    assert redact_json(event) == first


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("authorization=Bearer abcdefghijklmnop", "authorization=REDACTED"),
        ("next=4111 1111 1111 1111", "next=REDACTED"),
        ("key=-----BEGIN PRIVATE KEY-----MIIEvAIBADANBg", "key=REDACTED"),
        ("see https://x.example/?auth=Bearer abcdefghijklmnop", "see https://x.example/?auth=REDACTED"),
    ],
)
def test_of_a_secret_with_a_space_in_it_no_half_is_left(given_text: str, kept: str) -> None:
    assert redact_text(given_text) == kept


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        (b'{"user": {"password": "hunter2", "n": 1}, "x', b'{"user": {"password": "REDACTED", "n": 1}, "x'),
        (b'{"card": {"a": {"b": 1}, "c": "hunter2"}, "n": 1,', b'{"card": {"a": {"b": 1}, "c": "hunter2"}, "n": 1,'),
        (b'{"token": {"a": {"b": "}"}, "c": "hunter2"}, "n": 1,', b'{"token": "REDACTED", "n": 1,'),
        (b'{"token": ["hunter2", {"a": "hun', b'{"token": "REDACTED"'),
        (b'{"token": null, "n": 1,', b'{"token": null, "n": 1,'),
    ],
)
def test_a_secret_within_a_broken_document_is_found_at_any_depth(payload: bytes, kept: bytes) -> None:
    assert redact_bytes(payload) == kept


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_what_is_not_noticed_beforehand_is_not_changed(text: str) -> None:
    if not may_need_redaction(json.dumps({"a": text}, ensure_ascii=False).encode()):
        assert redact_json({"a": text}) == {"a": text}
