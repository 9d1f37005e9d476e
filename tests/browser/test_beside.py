"""Beside other trackers, as a module, and as the documentation's snippets: the same rows as from the plain tag."""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import UUID

import httpx
import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.privacy.cookie import id_for_site
from local.stack import Stack
from tests.browser.visiting import Outcome, Visit, Visitors, add_rows
from tests.e2e.journey import select
from tests.trackers.landing import landed

pytestmark = pytest.mark.e2e
NAMES = ("others", "module", "vue", "tagManager", "consentManagers", "pixels", "ownHost")
COOKIE_SITE = "with-cookie"
DOCUMENT = f"""
site: {COOKIE_SITE}
keys:
  - {{kind: public, key: {COOKIE_SITE}}}
  - {{kind: read, key: {COOKIE_SITE}-read}}
privacy: {{cookie: true}}
"""


def wait_until_in_force(stack: Stack) -> None:
    """Return once the collector knows the site; documents are looked at again every few seconds."""
    deadline = time.monotonic() + 120
    question = f"{stack.base_url}/api/pixel.gif?write_key={COOKIE_SITE}&name=asked&verdict=1"
    while httpx.get(question, timeout=180).status_code != httpx.codes.OK:
        assert time.monotonic() < deadline, "the site does not come into force"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def visits(visitors: Visitors, stack: Stack) -> Mapping[str, Outcome]:
    with BlobServiceClient.from_connection_string(stack.azurite.connection_string) as service:
        service.get_blob_client("config", f"sites/{COOKIE_SITE}.yaml").upload_blob(DOCUMENT, overwrite=True)
    wait_until_in_force(stack)
    asked = [*(Visit(f"beside.{name}") for name in NAMES), Visit("beside.cookie", {"key": COOKIE_SITE})]
    made = visitors.make(stack.base_url, asked)
    add_rows(stack, made)
    return {name.partition(".")[2]: outcome for name, outcome in made.items()}


def test_nothing_is_thrown_into_a_page(visits: Mapping[str, Outcome]) -> None:
    assert [error for outcome in visits.values() for error in outcome.errors] == []


def test_other_trackers_on_the_same_page_have_the_same_page_views(
    visits: Mapping[str, Outcome], client: httpx.Client
) -> None:
    prefix = visits["others"].prefix
    sql = """
        SELECT dialect, page_path FROM events
        WHERE event_type = 'page_view' AND starts_with(page_path, ?) ORDER BY page_path
    """
    views: dict[str, list[str]] = {}
    for dialect, path in select(client, sql, prefix):
        views.setdefault(dialect, []).append(path.removeprefix(prefix))
    expected = ["/bags", "/bags", "/other", "/other/route", "/start", "/tents"]
    assert views == {"plain": expected, "plausible": expected, "posthog": expected}


def test_the_module_of_a_bundler_measures_as_the_tag_does_and_has_no_global(visits: Mapping[str, Outcome]) -> None:
    visit = visits["module"]
    assert visit.told == "false"
    assert [(row["event_name"], row["page_url"].rpartition("/")[2]) for row in visit.told_rows()] == [
        ("page_view", "module"),
        ("signup", "module"),
        ("page_view", "route"),
    ]
    assert visit.of("signup")[0]["properties"] == {"plan": "pro"}


def test_a_tag_manager_puts_the_tag_in(visits: Mapping[str, Outcome]) -> None:
    assert visits["tagManager"].names() == ["page_view"]


def test_the_module_is_started_before_an_app_is_mounted(visits: Mapping[str, Outcome]) -> None:
    assert visits["vue"].names() == ["page_view"]


def test_consent_managers_tell_what_the_visitor_chose(visits: Mapping[str, Outcome]) -> None:
    told = [
        (row["page_url"].rpartition("/")[2], row["event_name"], row["consent"])
        for row in visits["consentManagers"].told_rows()
    ]
    assert sorted(told) == [
        ("framework", "afterwards", "denied"),
        ("framework", "consent", "full"),
        ("framework", "page_view", "anonymous"),
        ("own", "consent", "full"),
        ("own", "page_view", "anonymous"),
    ]


def test_pages_without_script_and_opened_mails_are_told_by_the_pixel(
    visits: Mapping[str, Outcome], stack: Stack, client: httpx.Client
) -> None:
    rows = landed(stack, client, "starts_with(page_path, ?)", f"{visits['pixels'].prefix}/", order="event_name")
    assert [(row["event_name"], row["properties"]) for row in rows] == [
        ("mail_open", '{"campaign":"spring"}'),
        ("page_view", "{}"),
    ]


def test_behind_the_sites_own_host_nothing_else_is_asked(visits: Mapping[str, Outcome]) -> None:
    visit = visits["ownHost"]
    assert visit.told == ["/x/t.js", "/x/api/events"]
    assert visit.names() == ["page_view"]


def test_the_collectors_own_cookie_knows_the_visitor(
    visits: Mapping[str, Outcome], stack: Stack, client: httpx.Client
) -> None:
    visit = visits["cookie"]
    [cookie] = visit.told["cookies"]
    assert cookie["httpOnly"] is True and visit.told["unknown"] == 0
    sql = """
        SELECT page_path, anonymous_id FROM events
        WHERE event_type = 'page_view' AND starts_with(page_path, ?) ORDER BY occurred_at
    """
    answer = client.post(
        "/api/sql",
        json={"site_id": COOKIE_SITE, "sql": sql, "parameters": [visit.prefix]},
        headers={"Authorization": f"Bearer {COOKIE_SITE}-read"},
    )
    known = {path.rpartition("/")[2]: visitor for path, visitor in answer.json()["rows"]}
    key = stack.functions_environment()["VISITOR_ID_KEY"].encode()
    visitor = id_for_site(key, COOKIE_SITE, UUID(cookie["value"]))
    assert known["first"] == known["second"] == visitor
    assert known["unknown"] not in (None, visitor)
    sent = [event for event in visit.sent_events() if event.get("anonymous_id")]
    assert sent == [], "the script states no id"
