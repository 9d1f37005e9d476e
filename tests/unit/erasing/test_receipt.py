"""A receipt shows whether anybody has changed it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.receipt import canonical, problem_of, signed

KEYS = ErasureKeys.derive("0123456789abcdef")
RECEIPT = {"erasure_id": "e", "counts": {"events": 3, "ä": 1}, "proof": [{"result": 0}]}


def test_a_receipt_is_as_it_was_signed_however_it_was_formatted_since() -> None:
    receipt = signed(RECEIPT, KEYS)
    assert problem_of(receipt, KEYS) is None
    assert problem_of(json.loads(json.dumps(receipt, indent=3)), KEYS) is None
    assert canonical({"b": 1, "a": "ä"}) == b'{"a":"\\u00e4","b":1}'


@pytest.mark.parametrize(
    "change",
    [{"erasure_id": "f"}, {"counts": {"events": 4, "ä": 1}}, {"more": None}, {"signature": ""}, {"signature": None}],
)
def test_a_changed_receipt_is_told(change: dict[str, Any]) -> None:
    problem = problem_of({**signed(RECEIPT, KEYS), **change}, KEYS)
    assert problem is not None and "changed since" in problem


def test_a_receipt_of_another_key_is_told_as_such() -> None:
    problem = problem_of(signed(RECEIPT, ErasureKeys.derive("another secret of ours")), KEYS)
    assert problem is not None and "another key" in problem
    assert problem_of({}, KEYS) is not None


def test_digests_differ_by_site_kind_and_key_and_tell_nothing() -> None:
    other = ErasureKeys.derive("another secret of ours")
    digests = {
        KEYS.digest("shop", "user_id", "jane"),
        KEYS.digest("blog", "user_id", "jane"),
        KEYS.digest("shop", "anonymous_id", "jane"),
        other.digest("shop", "user_id", "jane"),
    }
    assert len(digests) == 4
    assert "jane" not in repr(KEYS) and KEYS.digests.hex() not in repr(KEYS)
