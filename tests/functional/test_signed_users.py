"""A signature of the site's own server proves a user id that a public key sends."""

from __future__ import annotations

from typing import Any

import pytest

from clickstream.privacy.signatures import signature_of, signing_secret
from tests.functional.border import SITE, Border

KEY = "0123456789abcdef"
SECRET = signing_secret(KEY, "shop", 1)
SIGNATURE = signature_of("u1", SECRET)


def segment(kind: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    return f"v1/{kind}", {"anonymousId": "d1", "userId": "u1", **fields}


def posthog(**properties: Any) -> tuple[str, dict[str, Any]]:
    named = {"distinct_id": "u1", "$device_id": "d1", "$is_identified": True, **properties}
    return "e/", {"event": "buy", "api_key": "shop-web", "properties": named}


SIGNED: dict[str, tuple[str, Any]] = {
    "plain": ("api/events", {"name": "x", "user_id": "u1", "user_id_signature": SIGNATURE}),
    "in capitals": ("api/events", {"name": "x", "user_id": "u1", "user_id_signature": f" {SIGNATURE.upper()}"}),
    "a property": ("api/events", {"name": "x", "user_id": "u1", "properties": {"user_id_signature": SIGNATURE}}),
    "a trait of Segment": segment("identify", traits={"user_id_signature": SIGNATURE, "plan": "pro"}),
    "a context of Segment": segment("track", event="buy", context={"user_id_signature": SIGNATURE}),
    "PostHog's register": posthog(user_id_signature=SIGNATURE),
    "PostHog's own form": posthog(**{"$user_id_signature": SIGNATURE}),
    "GA4": (
        "mp/collect?api_secret=shop-web",
        {"client_id": "c1", "user_id": "u1", "events": [{"name": "x", "params": {"user_id_signature": SIGNATURE}}]},
    ),
    "Matomo": (f"matomo.php?idsite=shop-web&rec=1&_id=0123456789abcdef&uid=u1&user_id_signature={SIGNATURE}", None),
    "Umami": (
        "api/send",
        {"type": "identify", "payload": {"website": "shop-web", "id": "u1", "data": {"user_id_signature": SIGNATURE}}},
    ),
}


@pytest.mark.parametrize("sent", SIGNED)
async def test_a_signature_proves_a_user_in_every_protocol_and_is_not_stored(sent: str) -> None:
    path, body = SIGNED[sent]
    event = await Border().send_one(path, body)
    assert (event["user_id"], event["key_kind"], event["user_verified"]) == ("u1", "public", True)
    assert SIGNATURE not in str(event).lower() and "user_id_signature" not in str(event)


@pytest.mark.parametrize(
    ("user", "signature"),
    [
        ("u2", SIGNATURE),
        ("u1 ", SIGNATURE),
        ("u1", SIGNATURE[:-1]),
        ("u1", ""),
        ("u1", 7),
        ("u1", "é"),
        ("u1", signature_of("u1", signing_secret(KEY, "other", 1))),
        ("u1", signature_of("u1", signing_secret(KEY, "shop", 2))),
        (None, SIGNATURE),
    ],
)
async def test_any_other_signature_proves_nothing_and_the_event_says_so(user: str | None, signature: object) -> None:
    sent = {"name": "x", "user_id": user, "properties": {"user_id_signature": signature, "plan": "pro"}}
    event = await Border().send_one("api/events", sent)
    assert event.get("user_verified") == (None if user is None else False)
    assert event["properties"] == {"plan": "pro"}
    assert [each["pointer"] for each in event["context"]["left_out"]] == ["/properties/user_id_signature"]


async def test_a_changed_secret_holds_beside_the_preceding_one_as_long_as_the_document_says() -> None:
    seen = []
    for versions in ("[2, 1]", "[2]"):
        border = Border(f"{SITE}identity: {{secret_versions: {versions}}}\n")
        for version in (1, 2):
            signature = signature_of("u1", signing_secret(KEY, "shop", version))
            event = await border.send_one("api/events", {"name": "x", "user_id": "u1", "user_id_signature": signature})
            seen.append(event["user_verified"])
    assert seen == [True, True, False, True]


async def test_an_unsigned_event_is_no_copy_of_the_signed_one() -> None:
    border = Border()
    sent = {"name": "x", "event_id": "e1", "user_id": "u1", "created_at": "2026-10-28T09:59:00Z"}
    unsigned = await border.send_one("api/events", sent)
    signed, again = [await border.send_one("api/events", {**sent, "user_id_signature": SIGNATURE}) for _ in range(2)]
    assert unsigned["fingerprint"] != signed["fingerprint"] == again["fingerprint"]


async def test_no_signature_is_stored_without_consent() -> None:
    border = Border()
    for consent in ("anonymous", "denied"):
        body = {"name": "x", "user_id": "u1", "user_id_signature": SIGNATURE, "consent": consent}
        event = await border.send_one("api/events", body)
        assert "user_verified" not in event and SIGNATURE not in str(event)
        await border.send("api/events", {**body, "name": ""})
        assert SIGNATURE not in str(border.failed.bodies()[-1])
