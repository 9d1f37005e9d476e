"""One tenant's endless statements: other tenants' questions, new keys and compaction go on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager

import httpx
import pytest
import yaml

from local.stack import Stack
from tests.e2e.journey import compact_everything, stack_settings

# Alone, for what it promises are seconds.
pytestmark = [pytest.mark.e2e, pytest.mark.alone]

FLOOD = 16
ENDLESS = "SELECT count(*) FROM range(100000000000) a, range(100000000000) b"
TENANTS = ("alpha", "beta")
# What a statement may take; who waits for one of another tenant's to end has waited for as long.
STATEMENT_SECONDS = 40


class SlowMachinesStack(Stack):
    """Every process has half the machine beside endless statements, and a machine may be slow."""

    def functions_environment(self) -> dict[str, str]:
        return {**super().functions_environment(), "QUERY_TIMEOUT_SECONDS": str(STATEMENT_SECONDS)}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("tenants")
    for name in TENANTS:
        keys = [{"kind": kind, "key": f"{name}-{kind}-key-of-its-own"} for kind in ("import", "read")]
        (folder / f"{name}.yaml").write_text(yaml.safe_dump({"site": name, "keys": keys}))
    with SlowMachinesStack(stack_settings(tmp_path_factory.mktemp("stack"), folder)) as running:
        yield running


def post(stack: Stack, path: str, site: str, body: Mapping[str, object]) -> tuple[int, float]:
    """The status, and after how many seconds."""
    began = time.monotonic()
    answer = httpx.post(
        f"{stack.base_url}{path}",
        json={"site_id": site, **body},
        headers={"Authorization": f"Bearer {site}-read-key-of-its-own"},
        timeout=180,
    )
    return answer.status_code, time.monotonic() - began


def sent(stack: Stack, site: str, event_id: str) -> int:
    key = {"X-Write-Key": f"{site}-import-key-of-its-own"}
    event = {"name": "signup", "event_id": event_id, "anonymous_id": "v"}
    return httpx.post(f"{stack.base_url}/api/events", json=event, headers=key, timeout=180).status_code


@contextmanager
def flood(stack: Stack, statuses: Counter[int]) -> Iterator[None]:
    """Of alpha so many endless statements are asked at once, until the block ends."""
    with ThreadPoolExecutor(FLOOD) as pool:
        asked = [pool.submit(post, stack, "/api/sql", "alpha", {"sql": ENDLESS}) for _ in range(FLOOD)]
        wait(asked, timeout=2, return_when=FIRST_COMPLETED)  # the first that is refused: others run, and others wait
        yield
        statuses.update(each.result()[0] for each in asked)


def test_one_tenants_endless_statements_stop_no_other_tenant_and_no_compaction(stack: Stack) -> None:
    assert [sent(stack, site, "before") for site in TENANTS] == [200, 200]
    compact_everything(stack)
    statuses: Counter[int] = Counter()
    report = {"metrics": ["events"], "date_range": "day"}
    with flood(stack, statuses):
        answers = {
            "report": post(stack, "/api/query", "beta", report),
            "statement": post(stack, "/api/sql", "beta", {"sql": "SELECT count(*) FROM events"}),
            "own report": post(stack, "/api/query", "alpha", report),
        }
        assert sent(stack, "beta", "meanwhile") == 200
        began = time.monotonic()
        compact_everything(stack)
        compaction = time.monotonic() - began
    print({name: (status, round(seconds, 1)) for name, (status, seconds) in answers.items()}, f"{compaction:.1f}")
    assert {status for status, _ in answers.values()} == {200}
    assert max(seconds for _, seconds in answers.values()) < STATEMENT_SECONDS
    assert compaction < STATEMENT_SECONDS
    assert statuses[429] > 0, "more than may wait are refused"
    assert set(statuses) <= {400, 429, 503}
