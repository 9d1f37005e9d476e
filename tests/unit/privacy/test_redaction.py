"""What must not be kept is taken out of every text, wherever it stands; what only looks like it stays."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.privacy.names import SECRET_NAMES, SECRET_PARAMETERS, is_secret_name, is_secret_parameter
from clickstream.privacy.redaction import redact_agent, redact_bytes, redact_json, redact_query, redact_text, redact_url
from clickstream.privacy.screening import may_need_redaction

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
STRIPE = "sk_" + "live_4eC39HqLyjWDarjtT1"  # in two, so that no scanner takes it for a real one
CANARIES = (
    "jane.doe@canary.example",
    "jane+tag@mail.canary.example",
    "203.0.113.77",
    "2001:db8:85a3::8a2e:370:7334",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    TOKEN,
    STRIPE,
    "ghp_0123456789abcdefghijABCDEFGHIJ",
    "xoxb-123456789012-abcdefghijkl",
    "2001:db8:1:2::",
    "AKIAIOSFODNN7EXAMPLE",
    "AIzaSyA0123456789abcdefghijklmnopqrstu",
)
canaries = st.sampled_from(CANARIES)
words = st.sampled_from(
    ["", "x", "see ", "a.b/", "(", '"', "q=", "100 % ", "%20", "%", "ü ", "://", "&", "#", "\\", "=", "@ "]
)
texts = st.lists(st.one_of(words, canaries, st.text(max_size=8)), max_size=8).map("".join)
keys = st.one_of(
    st.sampled_from(["label", "note", "token", "user_agent", "version", "e-mail"]), canaries, st.text(max_size=6)
)
documents: st.SearchStrategy[Any] = st.recursive(
    st.one_of(texts, st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(keys, inner, max_size=3),
        inner.map(lambda value: json.dumps(value)),
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("given_url", "kept"),
    [
        ("https://shop.example/a?utm_source=mail&gclid=Cj0K", "https://shop.example/a?utm_source=mail&gclid=Cj0K"),
        ("https://jane:pw@shop.example:8443/a#access_token=x", "https://shop.example:8443/a"),
        ("https://shop.example/?email=a@b.co&token=x&q=1", "https://shop.example/?email=REDACTED&token=REDACTED&q=1"),
        ("https://shop.example/?q=jane%40canary.example", "https://shop.example/?q=REDACTED"),
        ("https://shop.example/?q=jane%2540canary.example", "https://shop.example/?q=REDACTED"),
        ("https://shop.example/?jane@canary.example", "https://shop.example/?REDACTED"),
        ("https://shop.example/?user[email]=x&c%6Fde=1", "https://shop.example/?user[email]=REDACTED&c%6Fde=REDACTED"),
        ("https://shop.example/u/jane@canary.example/x", "https://shop.example/u/REDACTED/x"),
        ("https://shop.example/x;jsessionid=AB12/y", "https://shop.example/x;jsessionid=REDACTED/y"),
        ("https://shop.example/?ip=203.0.113.77", "https://shop.example/?ip=REDACTED"),
        ("https://shop.example/?next=https%3A%2F%2Fx.example%2F%3Ftoken%3Dabc", "https://shop.example/?next=REDACTED"),
        ("https://shop.example/?next=%2Fcart%3Fpage%3D2", "https://shop.example/?next=%2Fcart%3Fpage%3D2"),
        ("https://shop.example/?q=%E0%A4%A&r=%", "https://shop.example/?q=%E0%A4%A&r=%"),
        ("https://münchen.example/straße?q=ü", "https://münchen.example/straße?q=ü"),
        ("http://127.0.0.1:7071/demo", "http://127.0.0.1:7071/demo"),
        ("https://[2001:db8::1]:80/a", "https://[2001:db8::1]:80/a"),
        ("https://[2001:db8::1/broken", "https://REDACTED/broken"),
        ("https:\\\\jane:pw@shop.example\\a", "https:\\\\shop.example\\a"),
        ("https://@", "https://REDACTED"),
        ("//shop.example/a?pwd=1", "//shop.example/a?pwd=REDACTED"),
        ("/a/b?code=1", "/a/b?code=REDACTED"),
        ("data:text/html,<b>jane</b>", "data:REDACTED"),
        (" JavaScript:alert(1)", "javascript:REDACTED"),
        ("java\nscript:alert(1)", "javascript:REDACTED"),
        ("mailto:jane@canary.example", "mailto:REDACTED"),
        ("file:///C:/Users/x/a.html", "file:///C:/Users/x/a.html"),
        ("android-app://com.example.shop", "android-app://com.example.shop"),
        ("", ""),
    ],
)
def test_an_address_keeps_what_is_nobodys_secret(given_url: str, kept: str) -> None:
    assert redact_url(given_url) == kept


def test_a_sites_own_parameters_are_redacted_in_any_case() -> None:
    extra = frozenset({"Order", "utm_term"})
    assert (
        redact_query("order=7&ORDER=8&utm_term=x&q=1", extra) == "order=REDACTED&ORDER=REDACTED&utm_term=REDACTED&q=1"
    )
    assert redact_json({"order": "7", "q": "?Order=7"}, extra=extra) == {"order": "REDACTED", "q": "?Order=REDACTED"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Write to Jane.O'Neil@canary.example now", "Write to REDACTED now"),
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:85a3::1", "2001:db8:85a3::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("from 203.0.113.77, port 80", "from REDACTED, port 80"),
        ("203.0.113.77:443", "REDACTED:443"),
        ("hardware 00:1b:44:11:3a:b7", "hardware REDACTED"),
        ("see https://u:p@x.example/?token=y#z.", "see https://x.example/?token=REDACTED"),
        ("password=hunter2 ok", "password=REDACTED ok"),
        ("q=1&next=https%3A%2F%2Fx.example%2F%3Ftoken%3Dabc", "q=1&next=REDACTED"),
        ("card 4111 1111 1111 1111", "card REDACTED"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: REDACTED"),
        ("jane%40canary.example", "REDACTED"),
    ],
)
def test_a_text_is_redacted(text: str, kept: str) -> None:
    assert redact_text(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Blue shirt | 20 % off @ 12:30:45",
        "react@18.2.0 and std::vector",
        "@handle",
        "2026-11-21T07:14:41.123+01:00",
        "0192f0c1-1111-7aaa-8bbb-1234567890ab",
        "fb.1.1700000000000.1234567890",
        "GA1.2.1234567890.1700000000",
        "1 234 567.89",
        "1234 5678 9012 3456",
        "Release 120.0.0.0",
        "2001:db8:1::",
        "2001:DB8::",
        "from 2001:db8:1::",
        "a%20b%2Fc",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert redact_text(text) == text
    assert redact_json({"label": text}) == {"label": text}


@pytest.mark.parametrize(
    ("agent", "kept"),
    [
        ("Mozilla/5.0 (X11) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36", None),
        ("Mozilla/5.0 (X11) Chrome/120.0.6099.109 Edg/1.2.3.4", None),
        ("Instagram 219.0.0.12.117 Android", None),
        ("curl/8.5.0", None),
        ("Bot/1.2.3.4 (+https://x.example/; bot@canary.example)", "Bot/1.2.3.4 (+https://x.example/; REDACTED)"),
        ("Probe 203.0.113.77", "Probe REDACTED"),
        ("x/1.2.3.4 \ue000 jane@canary.example", "x/1.2.3.4  REDACTED"),
    ],
)
def test_an_agents_versions_stay(agent: str, kept: str | None) -> None:
    assert redact_agent(agent) == (kept or agent)


def test_a_document_is_redacted_at_every_depth() -> None:
    inner = json.dumps({"password": "x", "n": 1})
    packed = base64.urlsafe_b64encode(json.dumps({"data": {"email": "jane@canary.example"}}).encode()).decode()
    value = {
        "userEmail": "x",
        "phone_number": 4912345,
        "email": True,
        "api_key": None,
        "code": "SAVE10",
        "app_version": "1.2.3.4",
        "list": [{"jane@canary.example": 1, "joe@canary.example": 2}],
        "inner": inner,
        "cx": packed,
        "userAgent": "App/1.2.3.4",
        "os_version": "2001:db8::1:2",
        "card_number": {"a": 1},
    }
    redacted = redact_json(value)
    packed_again = base64.urlsafe_b64decode(redacted.pop("cx") + "==")
    assert json.loads(packed_again) == {"data": {"email": "REDACTED"}}
    assert redacted == {
        "userEmail": "REDACTED",
        "phone_number": "REDACTED",
        "email": True,
        "api_key": None,
        "code": "SAVE10",
        "app_version": "1.2.3.4",
        "list": [{"REDACTED": 1, "REDACTED_": 2}],
        "inner": '{"password":"REDACTED","n":1}',
        "userAgent": "App/1.2.3.4",
        "os_version": "REDACTED",
        "card_number": "REDACTED",
    }
    assert value["inner"] == inner, "what was given is not changed"


def test_a_site_may_keep_a_property() -> None:
    value = {"Contact": "jane@canary.example", "other": "jane@canary.example", "deep": {"contact": ["203.0.113.77"]}}
    assert redact_json(value, keep=frozenset({"contact"})) == {
        "Contact": "jane@canary.example",
        "other": "REDACTED",
        "deep": {"contact": ["203.0.113.77"]},
    }


def test_a_document_too_deep_ends_in_a_redaction() -> None:
    value: Any = "jane@canary.example"
    for _ in range(900):
        value = [value]
    assert b"jane" not in orjson.dumps(redact_json(value))


@pytest.mark.parametrize(
    ("payload", "kept"),
    [
        (b'{"email": "a\\"b", "x": 1', b'{"email": "REDACTED", "x": 1'),
        (b'{"token": "cut off', b'{"token": "REDACTED"'),
        (b'{\\"password\\":\\"x\\"', b'{\\"password\\":\\"REDACTED\\"'),
        (b"{'pwd': 'it', n: 1}", b"{'pwd': 'REDACTED', n: 1}"),
        (b'{"password": ["x"], "n": 1,}', b'{"password": "REDACTED", "n": 1,}'),
        (b"e=pv&uid=jane%40canary.example&page=x", b"e=pv&uid=REDACTED&page=x"),
        (b"\xff\xfe broken 203.0.113.77 \x80", b"\xff\xfe broken REDACTED \x80"),
        ("jane@canary.example".encode("utf-16"), b"REDACTED"),
        (b"\0\x01 nothing", b"\0\x01 nothing"),
        (b'{"ok": [1, 2]}', b'{"ok": [1, 2]}'),
        (b"", b""),
    ],
)
def test_bytes_that_nobody_could_read_are_redacted(payload: bytes, kept: bytes) -> None:
    assert redact_bytes(payload) == kept


@pytest.mark.parametrize("name", sorted(SECRET_PARAMETERS))
def test_every_secret_parameter_is_known_in_each_way_of_writing(name: str) -> None:
    for written in (
        name,
        name.upper(),
        f"user_{name}",
        f"user[{name}]",
        f"user.{name}",
        f"{name}2",
        f"x{name.title()}",
    ):
        assert redact_query(f"{written}=canary") == f"{written}=REDACTED", written


@pytest.mark.parametrize("name", sorted(SECRET_NAMES))
def test_every_secret_key_is_known_in_each_way_of_writing(name: str) -> None:
    for written in (name, name.upper(), f"user_{name}", f"user-{name}", f"user{name.title()}"):
        assert redact_json({written: "canary"}) == {written: "REDACTED"}, written
        assert may_need_redaction(orjson.dumps({written: "canary"})), written


@pytest.mark.parametrize(
    "name", ["e-mail", "id_token", "accessToken", "APIKey", "refreshtoken", "customer_phone", "ssn"]
)
def test_compound_names_are_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    ["email_opened", "phone_model", "token_count", "keyword", "zipcode", "hotel", "iphone", "site", "", "utm_token"],
)
def test_everyday_names_are_not(name: str) -> None:
    assert not is_secret_parameter(name)


@given(prefix=texts, canary=canaries, suffix=st.sampled_from(["", " ", "/", "&x=1", '"', ".", ",", "#f", "\\", "?"]))
def test_no_canary_survives_in_an_address_or_a_text(prefix: str, canary: str, suffix: str) -> None:
    for form in (canary, quote(canary, safe=""), quote(quote(canary, safe=""), safe="")):
        for redact in (redact_text, redact_query, redact_url, lambda text: redact_json([text])[0]):
            kept = redact(f"https://shop.example/?q={prefix}{form}{suffix}")
            assert form not in kept, (redact, kept)
            kept = redact(f"x {prefix} {form}{suffix}")
            assert form not in kept, (redact, kept)


@given(documents)
def test_no_canary_survives_in_a_document(value: Any) -> None:
    kept = orjson.dumps(redact_json(value)).decode()
    assert [canary for canary in CANARIES if canary in kept and canary not in EXEMPT] == []
    raw = redact_bytes(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    assert [canary for canary in CANARIES if canary.encode() in raw and canary not in EXEMPT] == []


# Where a version is possible, an address cannot be distinguished from one.
EXEMPT = {"203.0.113.77"}


@given(documents)
def test_twice_is_once_and_what_needs_redaction_is_seen_beforehand(value: Any) -> None:
    once = redact_json(value)
    assert redact_json(once) == once
    assert once == value or may_need_redaction(orjson.dumps(value))


@given(texts)
def test_twice_is_once_for_texts(text: str) -> None:
    for redact in (redact_url, redact_query, redact_text, redact_agent):
        once = redact(text)
        assert redact(once) == once, redact


@given(st.one_of(st.binary(), texts.map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_bytes_never_raise_and_twice_is_once(payload: bytes) -> None:
    once = redact_bytes(payload)
    assert redact_bytes(once) == once


@pytest.mark.parametrize(
    "unit", ["eyJ", "@a", "%40", ":", "a:", "\\", "1.", "Bearer a=@x.y", '"a', "a://", "%25", "@a.b", "/@"]
)
def test_a_long_hostile_text_is_redacted_once(unit: str) -> None:
    text = unit * (65_536 // len(unit))
    for redact in (redact_url, redact_text, redact_agent):
        once = redact(text)
        assert redact(once) == once, redact
    payload = redact_bytes(text.encode())
    assert redact_bytes(payload) == payload


@pytest.mark.parametrize("network", ["203.0.113.0", "2001:db8:85a3::"])
def test_an_ordinary_event_is_spared_the_walk(network: str) -> None:
    event = {
        "event_id": "0192f0c1-1111-7aaa-8bbb-1234567890ab",
        "received_at": "2026-11-21T07:14:41.123456Z",
        "session_id": "7",
        "page_url": "https://shop.example/shirts/blue?utm_source=news&gclid=Cj0K",
        "page_title": "Blue shirt & more: 12.5 EUR",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36",
        "ip": network,
        "properties": {"code": "SAVE10", "price": 12.5, "items": [{"sku": "A-1"}]},
    }
    assert not may_need_redaction(orjson.dumps(event))
    assert redact_json(event) == event
