"""Events that fail by a wrong definition are replayed after it is fixed. Each is in `events` exactly once."""

from __future__ import annotations

import os
import subprocess
import sys

import httpx
import pytest

from local.stack import ROOT, Stack
from tests.e2e.defined_shop import Shop
from tests.e2e.journey import compact_everything

pytestmark = pytest.mark.e2e


def test_a_broken_definition_that_is_fixed_costs_no_event(stack: Stack, client: httpx.Client) -> None:
    shop = Shop(stack, client)
    shop.define("number")
    verdicts = list(shop.send_until("accepted"))
    shop.define("string")
    verdicts += shop.send_until("failed")
    verdicts += [shop.send(name) for name in ("sale", "refund") for _ in range(5)]
    verdicts += [shop.send(event_id=None) for _ in range(3)]
    failed = [verdict for verdict in verdicts if verdict.get("status") == "failed"]
    accepted = [verdict["event_id"] for verdict in verdicts if verdict.get("status") == "accepted"]
    assert len(failed) == 14
    shop.define("number")
    accepted += [verdict["event_id"] for verdict in shop.send_until("accepted") if verdict["status"] == "accepted"]
    compact_everything(stack)

    count = "SELECT failure_class, pointer, count(*) FROM failed_events GROUP BY ALL"
    [[failure_class, pointer, kept]] = shop.select(count)
    assert (failure_class, pointer) == ("definition_violation", "/properties/price")
    assert kept >= 14, "and those that were sent while the fixed document was not yet in force"
    assert shop.replay(dry_run=True)["repaired"] == kept
    refunds = shop.replay(filters={"event_name": "refund"})
    assert (refunds["examined"], refunds["removed"], refunds["remaining"]) == (5, 5, 0)
    printed = shop.replay_by_command("--class", "definition_violation")
    assert (printed["repaired"], printed["removed"], printed["remaining"]) == (str(kept - 5), str(kept - 5), "0")

    assert shop.replay()["examined"] == 0
    assert shop.select("SELECT count(*) FROM failed_events") == [[0]]
    compact_everything(stack)
    ids = [row[0] for row in shop.select("SELECT event_id FROM events")]
    assert len(ids) == len(set(ids)) == len(accepted) + kept
    assert set(accepted) <= set(ids)
    assert shop.select("SELECT count(*) FROM failed_events") == [[0]]
    # The hub tells whole milliseconds.
    early = (
        "SELECT count(*) FROM events WHERE greatest(received_at, occurred_at) >= enqueued_at + INTERVAL 1 MILLISECOND"
    )
    assert shop.select(early) == [[0]]


def test_the_command_says_what_is_wrong(stack: Stack) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        process = subprocess.run(
            [sys.executable, "-m", "clickstream.replaying", *arguments],
            cwd=ROOT,
            env={**os.environ, **stack.functions_environment()},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return process.returncode, process.stderr.strip()

    assert run("no-such-site") == (1, "there is no site 'no-such-site'")
    code, error = run("demo", "--from", "yesterday", "--limit", "0")
    assert code == 1
    assert "/filters/received_from: " in error and "/limit: " in error
