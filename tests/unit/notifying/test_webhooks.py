"""Webhooks against a server on this machine: what is refused, what is tried again, and which addresses are none."""

from __future__ import annotations

import pytest

from clickstream.errors import Refused, SettingsError, Unavailable
from clickstream.notifying.webhooks import WebhookAddress
from tests.support.http_sink import http_sink


def webhook(address: str) -> WebhookAddress:
    return WebhookAddress.named({"CONNECTION_TEAM": address}, "team")


def test_answers_of_a_webhook_say_who_must_act() -> None:
    with http_sink() as sink:
        there = webhook(sink.url("/hooks/secret?token=1"))
        sink.text = b"no\x07 such hook " + b"x" * 100_000
        for status in (302, 400, 404):
            sink.answers = [status]
            with pytest.raises(Refused) as refused:
                there.post(b"{}")
            assert refused.value.message.startswith(f"CONNECTION_TEAM: the webhook answered {status} no  such hook xx")
            assert len(refused.value.message) < 260 and refused.value.code == "webhook_refused"
        for status in (408, 429, 500, 503, 0):
            sink.answers = [status]
            with pytest.raises(Unavailable) as later:
                there.post(b"[]")
            assert not isinstance(later.value, Refused)
            assert "secret" not in later.value.message and "127.0.0.1" not in later.value.message
        there.post(b'{"a": 1}')
        assert sink.posts == [("/hooks/secret?token=1", []), ("/hooks/secret?token=1", {"a": 1})]
    with pytest.raises(Unavailable, match="did not answer"):
        there.post(b"{}")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("", "is required"),
        ("hooks.example/secret", "must be an address of https"),
        ("http://hooks.example/secret", "must be an address of https"),
        ("file:///secret", "must be an address of https"),
        ("http://127.0.0.1.evil.example/secret", "must be an address of https"),
        ("https://hooks.example:99999/secret", "is no address"),
        ("https://[secret/", "is no address"),
        ("https://user:secret@hooks.example/", "has a user"),
        ("https://hooks.example/a secret", "has a user, a space"),
    ],
)
def test_only_addresses_of_https_are_taken(address: str, problem: str) -> None:
    with pytest.raises(SettingsError, match=problem) as error:
        webhook(address)
    assert "secret" not in error.value.message
