"""Random requests over every route: whatever comes, it is taken or refused with a reason, and is never a fault."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from random import SystemRandom

import httpx
import pytest

from local.stack import Stack
from tests.e2e.fuzzing import Fuzzer, Sent
from tests.e2e.journey import stack_settings

pytestmark = pytest.mark.e2e
REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1000"))
SEED = int(os.environ.get("FUZZ_SEED", "0")) or SystemRandom().randrange(1, 1_000_000)


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, for some requests erase what others stored."""
    with Stack(stack_settings(tmp_path_factory.mktemp("fuzzed"))) as running:
        yield running


def test_no_request_of_any_kind_is_answered_with_a_fault(fuzzed: Stack) -> None:
    fuzzer = Fuzzer(SEED)
    statuses: dict[int, int] = {}
    with httpx.Client(base_url=fuzzed.base_url, timeout=180) as client:
        for number in range(REQUESTS):
            sent = fuzzer.request()
            answer = client.request(sent.method, sent.path, headers=sent.headers, content=sent.body)
            statuses[answer.status_code] = statuses.get(answer.status_code, 0) + 1
            complaint = wrong_with(answer)
            assert complaint is None, (
                f"FUZZ_SEED={SEED}, request {number}: {complaint}\n{shown(sent)}\n{answer.text[:500]}"
            )
        assert client.get("/health").status_code == 200
    print(f"seed {SEED}: {REQUESTS} requests, answers {dict(sorted(statuses.items()))}")
    assert {200, 400, 401, 404} <= statuses.keys(), "the requests reach the handlers"
    assert fuzzed.functions is not None
    assert "Traceback" not in fuzzed.functions.log.read_text(errors="replace")


def wrong_with(answer: httpx.Response) -> str | None:
    """What is wrong with an answer, if anything."""
    if answer.status_code >= 500:
        return f"a status of {answer.status_code}"
    if answer.status_code >= 400 and answer.content:
        document = json.loads(answer.content)
        if not isinstance(document.get("code"), str) or not isinstance(document.get("message"), str):
            return "a refusal without code or message"
    return None


def shown(sent: Sent) -> str:
    return f"{sent.method} {sent.path[:500]}\n{sent.headers!r:.500}\n{sent.body[:2_000]!r}"
