"""Shared access signatures, as the SDK makes them."""

from __future__ import annotations

import pytest
from azure.eventhub._pyamqp.utils import generate_sas_token
from hypothesis import given
from hypothesis import strategies as st

from local.event_hubs.broker import Broker
from local.event_hubs.config import Config, Namespace

RESOURCE = "sb://localhost:5672/events"
NAMESPACE = Namespace.model_validate({"Name": "local", "Entities": []})
NOW = 1_772_366_400
BROKER = Broker(Config(NAMESPACE, None, {"sender": "secret+/="}, 1_000_000), 1000, lambda: NOW * 1000)


def token(policy: str = "sender", key: str = "secret+/=", expires_in: int = 60) -> str:
    signature: str = generate_sas_token(RESOURCE, policy, key, NOW + expires_in)
    return signature


@pytest.mark.parametrize("expires_in", [0, 60])
def test_a_token_of_the_sdk_is_valid_until_it_expires(expires_in: int) -> None:
    assert BROKER.token_problem(token(expires_in=expires_in)) is None


@pytest.mark.parametrize(
    ("given_token", "problem"),
    [
        (token(policy="other"), "no such key name"),
        (token(key="wrong"), "the signature does not match"),
        (token(expires_in=-1), "the token has expired"),
        (token().replace("events", "others"), "the signature does not match"),
        ("", "the token is not a shared access signature"),
        ("eyJhbGciOi.eyJhdWQ.c2ln", "the token is not a shared access signature"),
        ("SharedAccessSignature sr=a&sig=\u00e4&se=\u00b2&skn=sender", "the signature does not match"),
    ],
)
def test_any_other_token_is_refused_with_the_reason(given_token: str, problem: str) -> None:
    assert BROKER.token_problem(given_token) == problem


@given(st.text(max_size=80))
def test_a_token_of_no_meaning_is_refused(noise: str) -> None:
    assert BROKER.token_problem(noise) is not None
    assert BROKER.token_problem(f"SharedAccessSignature {noise}") is not None
    assert BROKER.token_problem(f"{token()}&sig={noise}") is not None
