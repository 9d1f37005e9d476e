"""Two tenants and their visitors, who use one another's ids: no row is missing, and neither sees the other's rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import yaml

from clickstream.compacting.totals import summed
from clickstream.settings import Connection
from clickstream.storage.account import StorageAccount
from clickstream.table.pipeline_hours import read_hours
from local.stack import Stack
from tests.e2e.journey import compact_everything, stack_settings, wait_for_counts

pytestmark = pytest.mark.e2e
TENANTS = ("alpha", "beta")
BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
ORDER = {"name": "purchase", "event_id": "order-1001", "user_id": "u-1", "properties": {"total": 20}}
COUNTED = [{"name": "open", "event_id": str(number), "anonymous_id": "device-1"} for number in range(1, 6)]
SIGNUP = {"name": "signup", "event_id": "signup-7", "anonymous_id": "victim", "session_id": "s-1"}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("tenants")
    for name in TENANTS:
        keys = [{"kind": kind, "key": f"{name}-{kind}-key-of-its-own"} for kind in ("public", "server", "read")]
        document = {"site": name, "keys": keys, "privacy": {"user_ids": "keep"}}
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(document))
    with Stack(stack_settings(tmp_path_factory.mktemp("stack"), folder)) as running:
        yield running


def told(stack: Stack, site: str, kind: str, events: list[dict[str, Any]]) -> tuple[int, Any]:
    """The whole answer, with its verdicts."""
    headers = {"X-Write-Key": f"{site}-{kind}-key-of-its-own", "User-Agent": BROWSER}
    answer = httpx.post(f"{stack.base_url}/api/events?verdict=1", json=events, headers=headers, timeout=180)
    return answer.status_code, answer.json()


def rows(stack: Stack, site: str) -> list[tuple[Any, ...]]:
    """What a tenant's own SQL shows of all events that it can reach."""
    sql = "SELECT event_id, event_name, key_kind, coalesce(user_id, anonymous_id), id_reused FROM events ORDER BY ALL"
    key = {"Authorization": f"Bearer {site}-read-key-of-its-own"}
    asked = {"site_id": site, "sql": sql}
    answer = httpx.post(f"{stack.base_url}/api/sql", json=asked, headers=key, timeout=180)
    assert answer.status_code == httpx.codes.OK, answer.text
    return [tuple(row) for row in answer.json()["rows"]]


def test_tenants_and_visitors_who_guess_ids_take_no_row_from_anybody_and_learn_nothing(stack: Stack) -> None:
    # The answer to a tenant about ids that were never used.
    before = [told(stack, "beta", "server", [ORDER]), told(stack, "beta", "public", COUNTED)]
    compact_everything(stack)
    # Alpha guesses all of them, with equal content, and so do visitors with the key of a page.
    after = [told(stack, "alpha", "server", [ORDER]), told(stack, "alpha", "public", COUNTED)]
    assert after == before
    assert [status for status, _ in before] == [200, 200]
    # A visitor of alpha says what another one will say, and what a server will say; then the two say it, twice.
    stranger = {**SIGNUP, "anonymous_id": "stranger"}
    invoice = {**ORDER, "event_id": "order-1002"}
    guessed = [told(stack, "alpha", "public", [stranger]), told(stack, "alpha", "public", [invoice])]
    compact_everything(stack)
    for _ in range(2):
        assert [told(stack, "alpha", "public", [SIGNUP]), told(stack, "alpha", "server", [invoice])] == guessed
    compact_everything(stack)

    counted = [(str(number), "open", "public", "device-1", False) for number in range(1, 6)]
    assert rows(stack, "beta") == [*counted, ("order-1001", "purchase", "server", "u-1", False)]
    assert [row[:4] for row in rows(stack, "alpha")] == [
        *(row[:4] for row in counted),
        ("order-1001", "purchase", "server", "u-1"),
        ("order-1002", "purchase", "public", "u-1"),
        ("order-1002", "purchase", "server", "u-1"),
        ("signup-7", "signup", "public", "stranger"),
        ("signup-7", "signup", "public", "victim"),
    ]
    # That an id was used before is said of a site's own alone.
    assert {row[0] for row in rows(stack, "alpha") if row[4]} == {"order-1002", "signup-7"}

    sent = {"alpha": 12, "beta": 6}
    wait_for_counts(stack, lambda totals: totals.answered >= sum(sent.values()))
    hours = read_hours(StorageAccount.from_connection(Connection("Lake", stack.azurite.connection_string)), "lake")
    of_site = {site: summed(hour for hour in hours if hour.site == site) for site in TENANTS}
    assert {site: (each.answered, each.rows, each.difference) for site, each in of_site.items()} == {
        "alpha": (12, 10, 0),
        "beta": (6, 6, 0),
    }
