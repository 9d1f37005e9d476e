"""Which ids an original names, however it is packed."""

from __future__ import annotations

import json
import re
import time
from base64 import b64encode, urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.erasing.captured import may_hold, names_in_bytes
from clickstream.erasing.naming import TELLING_LENGTH, bounded, named_in

ID = "canary-user-8471"


@pytest.mark.parametrize(
    "payload",
    [
        {"userId": "42"},
        {"user_id": 42},
        {"$distinct_id": "42"},
        {"traits": {"deep": [{"anonymousId": "42"}]}},
        {"data": '{"uid": "42"}'},
        {"cx": urlsafe_b64encode(b'{"schema": 1, "duid": "42"}').decode().rstrip("=")},
        {"body": "e=pv&uid=42&p=web"},
        {"url": "https://x.test/?user_id=42"},
    ],
)
def test_a_short_id_is_found_under_names_of_ids(payload: object) -> None:
    named = named_in(json.dumps(payload).encode())
    assert named.names_any({"42"})
    assert "42" in named.candidates()


@pytest.mark.parametrize(
    "payload", [{"count": 42}, {"price": "42"}, {"text": "user 42 wrote"}, {"product": {"id": 42}}]
)
def test_a_short_id_is_not_found_where_it_may_be_anything(payload: object) -> None:
    assert not named_in(json.dumps(payload).encode()).names_any({"42"})


@pytest.mark.parametrize(
    "payload",
    [
        f'{{"text": "written by {ID}!"}}',
        f'{{"url": "https://x.test/{ID}/cart"}}',
        f'["cut off by {ID}',
        f"not JSON at all: {ID}",
        json.dumps({"inner": json.dumps({"text": ID})}),
        json.dumps({"packed": b64encode(json.dumps({"text": ID}).encode()).decode()}),
        json.dumps({"text": "@"}).replace("@", "".join(f"\\u{ord(letter):04x}" for letter in ID)),
    ],
)
def test_a_telling_id_is_found_in_any_text_as_a_word_of_its_own(payload: str) -> None:
    named = named_in(payload.encode())
    assert named.names_any({ID})
    assert ID in named.candidates()
    assert (
        not named_in(payload.replace(ID, f"{ID}2").encode()).names_any({ID}) or "\\u" in payload or "packed" in payload
    )


FORMAT = {
    "page_url": "https://x.test/a",
    "event_type": "custom",
    "properties": {"undefined": None, "anonymous": 1, "page_view": [2], "my_own_member": 3},
    "context": json.dumps({"page_url": "x", "my_own_member": {"event_type": "y"}}),
}
WORDS = (
    "page_url",
    "event_type",
    "properties",
    "undefined",
    "anonymous",
    "page_view",
    "my_own_member",
    "true",
    "custom",
)


@pytest.mark.parametrize(
    "payload",
    [
        json.dumps(FORMAT),
        json.dumps(FORMAT, indent=1),
        json.dumps(FORMAT)[:-40],
        json.dumps({"data": json.dumps(FORMAT)}),
        "page_url=https%3A%2F%2Fx.test&event_type=a&properties=b&my_own_member=1&undefined=&anonymous=1&page_view=2",
        "{'page_url': 'x', \"event_type\" : 'y', 'my_own_member': 1, 'properties': {",
        json.dumps({"e": "undefined behaviour, says anonymous of page_view and properties"}),
    ],
)
def test_whoever_is_called_as_a_word_of_the_format_is_named_by_no_name_of_a_member(payload: str) -> None:
    named = named_in(payload.encode(), payload)
    assert [word for word in WORDS if named.names_any({word})] == []
    assert named.candidates().isdisjoint({*WORDS} - {"my_own_member"}), "it is looked up, and not found"
    assert named.which_of(WORDS) == frozenset()


@pytest.mark.parametrize("word", ["page_url", "event_type", "properties", "undefined", "anonymous", "my_own_member"])
def test_whoever_is_called_as_a_word_of_the_format_is_named_by_values(word: str) -> None:
    for payload in ({"userId": word}, {"list": [{"a": word}]}, {"inner": json.dumps({"b": word})}):
        named = named_in(json.dumps(payload).encode())
        assert named.names_any({word}) and word in named.candidates()
        assert named.which_of({word, "somebody-else"}) == {word}
    assert named_in(f"e=pv&uid={word}&p=web".encode()).names_any({word})


def test_of_an_original_of_no_known_site_a_short_id_says_nothing() -> None:
    named = named_in(b'{"userId": "42", "text": "by canary-user-8471"}')
    assert named.names_any({"42"}) and not named.names_any({"42"}, telling_only=True)
    assert named.names_any({ID}, telling_only=True)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a",
            "=",
            "=a",
            "a:",
            "a b=",
            "= ",
            " =",
            "'=",
            '"',
            "\\",
            '"\\',
            "%20",
            "eyJ",
            "aaaaaaaa ",
            "a.b-",
            "user_id=",
        ),
        *('{"a":"b",', '["', "uid=uid:", "\\u0061", "é=", "0" * 16),
    ],
)
@pytest.mark.parametrize("start", ["", '{"name":"x","p":"=', '{"q":"'])
def test_an_original_that_a_stranger_wrote_is_read_in_linear_time(start: str, unit: str) -> None:
    def seconds(size: int) -> float:
        payload = (start + unit * size)[:size].encode()
        ids = frozenset(f"{ID}-{number}" for number in range(100))
        taken = []
        for _ in range(3):
            started = time.process_time()
            named = named_in(payload)
            named.names_any(ids), named.candidates(), named.which_of([ID])
            taken.append(time.process_time() - started)
        return min(taken)

    assert seconds(131_072) < 6 * seconds(32_768) + 0.05
    assert seconds(32_768) < 2.5


def test_a_run_of_letters_with_a_sign_before_it_delays_no_erasure() -> None:
    payload = b'{"name":"x","p":"=' + b"a" * 24_000 + b'","q":"' + b"b" * 8_193 + b'"}'
    started = time.process_time()
    for _ in range(13):
        assert not named_in(payload).names_any({ID})
    assert time.process_time() - started < 10


def test_what_was_seen_of_the_sender_counts_too() -> None:
    assert named_in(b"\xff\x00", '{"visitor_id": "42", "ip": "203.0.113.0"}').names_any({"42"})


@given(st.text(min_size=TELLING_LENGTH), st.sampled_from(["plain", "nested", "named"]))
def test_any_id_is_found_in_json(id: str, kind: str) -> None:
    document = {"plain": {"a": [id]}, "nested": {"a": json.dumps({"b": id})}, "named": {"userId": id}}[kind]
    assert named_in(json.dumps(document).encode()).names_any({id})


@given(st.binary(max_size=300))
def test_no_noise_before_an_id_hides_it(noise: bytes) -> None:
    payload = noise + b"\n" + ID.encode()
    for named in (named_in(payload), named_in(noise, payload.decode("utf-8", "replace"))):
        assert named.names_any({ID})
        assert ID in named.candidates()
        assert named.which_of({ID, f"{ID}2"}) == {ID}


def test_the_pattern_of_an_id_matches_whole_words_alone() -> None:
    assert re.search(bounded(["a.b+c-12345"]), "x a.b+c-12345, y")
    assert not re.search(bounded(["a.b+c-12345"]), "x a.b+c-123456")
    assert not re.search(bounded(["a.b+c-12345"]), "x aXb+c-12345")


@given(st.text(min_size=1))
def test_a_file_that_names_an_id_is_never_passed_over(id: str) -> None:
    for escaped in (False, True):
        body = json.dumps({"user_id": id}, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
        try:
            assert may_hold(b"before" + body + b"after", [id])
        except UnicodeEncodeError:
            return


@pytest.mark.parametrize("offset", range(3))
def test_damaged_bytes_that_name_a_person_are_recognised(offset: int) -> None:
    packed = b64encode(b"x" * offset + b'{"userId": "%b"}' % ID.encode())
    assert names_in_bytes(b"\x00" + packed, [ID])
    assert names_in_bytes(b'\x00"user_id":"42"', ["42"])
    assert not names_in_bytes(b'\x00"price":"42"' + packed.lower(), ["42", ID])
