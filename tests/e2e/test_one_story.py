"""A visitor reads on a phone, registers there and buys on a laptop, with user ids that the site's server signed: every
report shows one person, a login without a signature changes nothing, and a wrong merge is taken back.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient
from segment.analytics.client import Client

from clickstream.privacy.signatures import signature_of, signing_secret
from local.stack import Stack
from tests.e2e.journey import compact_everything, wait_for_site
from tests.target import Target

pytestmark = pytest.mark.e2e
DOCUMENT = """
site: {site}
keys: [{{kind: public, key: {site}-public}}, {{kind: read, key: {site}-read}}, {{kind: admin, key: {site}-admin}}]
identity: {{trust: signed}}
goals: [{{name: Order, event: Order Completed, revenue: revenue}}]
funnels:
  - {{name: Buying, within: person, window: 1d, steps: [{{page: /}}, {{goal: Order}}]}}
  - {{name: Buying at once, within: visitor, window: 1d, steps: [{{page: /}}, {{goal: Order}}]}}
"""


class Asking:
    """The reports and edits of a site."""

    def __init__(self, client: httpx.Client, site: str) -> None:
        self._client, self._site = client, site

    def report(self, name: str, **parameters: str) -> list[dict[str, Any]]:
        answer = self._client.get(
            f"/api/reports/{name}",
            params={"site_id": self._site, **parameters},
            headers={"Authorization": f"Bearer {self._site}-read"},
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        body = answer.json()
        columns = [column["name"] for column in body["columns"]]
        return [dict(zip(columns, row, strict=True)) for row in body["rows"]]

    def edit(self, **edit: Any) -> dict[str, Any]:
        answer = self._client.post(
            "/api/identities",
            json={"site_id": self._site, "why": "same customer", "asked_by": "ticket 12", **edit},
            headers={"Authorization": f"Bearer {self._site}-admin"},
        )
        assert answer.status_code == httpx.codes.OK, answer.text
        recorded: dict[str, Any] = answer.json()
        assert recorded["applied"] is True
        return recorded

    def people(self) -> set[str]:
        return {row["person"] for row in self.report("people")}

    def story(self) -> dict[str, Any]:
        """What the reports say."""
        days = {"date_range": "7d"}
        return {
            "people": self.people(),
            "funnel": [row["reached"] for row in self.report("funnel", funnel="Buying", **days)],
            "sources": {
                row["source_name"]: (row["conversions"], row["revenue"])
                for row in self.report(
                    "attribution", goal="Order", by="visit:source_name", model="first", within="person", **days
                )
            },
            "page": {row["field"]: row["value"] for row in self.report("person", person="ada")},
            "devices": {row["id"] for row in self.report("person_ids", person="ada") if row["kind"] == "device"},
            "events": [row["event_name"] for row in self.report("person_events", person="ada", **days)],
        }


def test_one_person_on_two_devices_is_one_story_and_a_wrong_merge_is_undone(
    stack: Stack, client: httpx.Client, target: Target | None
) -> None:
    if target is not None:
        pytest.skip("the site's document is on this machine")
    site = f"story-{uuid4().hex[:8]}"
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        service.get_blob_client("config", f"sites/{site}.yaml").upload_blob(DOCUMENT.format(site=site))
    wait_for_site(client, site)
    secret = signing_secret(stack.functions_environment()["VISITOR_ID_KEY"], site, 1)
    send(Client(f"{site}-public", host=stack.base_url, sync_mode=True, timeout=60), secret)
    compact_everything(stack)

    asking = Asking(client, site)
    deadline = time.monotonic() + 120
    while asking.people() != {"ada", "eve"}:  # tables of people follow compaction
        assert time.monotonic() < deadline, asking.story()
        time.sleep(0.2)
    before = asking.story()
    assert before["funnel"] == [1, 1]
    assert [row["reached"] for row in asking.report("funnel", funnel="Buying at once", date_range="7d")] == [1, 0]
    assert before["sources"] == {"Newsletter": (1, 20)}
    page = before["page"]
    assert (page["first_source"], page["name"], page["orders"], page["devices"]) == ('"Newsletter"', '"Ada"', "1", "2")
    assert before["devices"] == {"phone", "laptop"}
    assert before["events"] == ["Order Completed", "identify", "page_view", "identify", "page_view"]

    merge = asking.edit(kind="merge", ids=["ada", "eve"])
    merged = asking.story()
    assert merged["people"] == {"ada"}
    assert merged["devices"] == {"phone", "laptop", "tablet"}
    assert len(merged["events"]) == 8
    asking.edit(kind="undo", undoes=merge["edit"]["number"])
    assert asking.story() == before


def send(tracker: Client, secret: str) -> None:
    """Ada's page before she registers on her phone, her order on a laptop, and Eve's visit. Eve claims to be Ada."""

    def ago(minutes: int) -> datetime:
        return datetime.now(UTC) - timedelta(minutes=minutes)

    ada, eve = ({"user_id_signature": signature_of(user, secret)} for user in ("ada", "eve"))
    home = {"url": "https://shop.example/?utm_source=newsletter&utm_medium=email", "path": "/"}
    tracker.page(anonymous_id="phone", properties=home, timestamp=ago(180))
    tracker.identify("ada", {"name": "Ada", **ada}, anonymous_id="phone", timestamp=ago(170))
    shoes = {"url": "https://shop.example/shoes", "path": "/shoes"}
    tracker.page(anonymous_id="laptop", properties=shoes, timestamp=ago(60))
    tracker.identify("ada", ada, anonymous_id="laptop", timestamp=ago(55))
    order = {"order_id": "o-1", "revenue": 20, "currency": "EUR"}
    tracker.track("ada", "Order Completed", order, anonymous_id="laptop", context=ada, timestamp=ago(50))
    tracker.page(anonymous_id="tablet", properties=shoes, timestamp=ago(40))
    tracker.identify("eve", eve, anonymous_id="tablet", timestamp=ago(30))
    tracker.identify("ada", {"name": "Eve", "user_id_signature": "0" * 64}, anonymous_id="tablet", timestamp=ago(20))
