"""People: the list, one person, and edits of which ids are one person, of visitors with hostile names."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.dashboard import hostile
from tests.browser.dashboard.looking import Looker
from tests.browser.dashboard.world import HOSTILE_ADMIN, KEY, World, texts_of

pytestmark = pytest.mark.e2e

PEOPLE = "/dashboard?site=hostile&view=people"
IMAGE, SVG = "<img src=x onerror=canary=3>", "<svg onload=canary=5>"


def test_people_are_found_by_trait_and_listed_by_columns_and_pages(world: World, looker: Looker) -> None:
    people = [row["person"] for row in world.report("people", site_id="hostile", limit="100")]
    by_visits = world.report("people", site_id="hostile", order="visits", traits=json.dumps({IMAGE: IMAGE}))
    seen = looker.look("people.list", path=PEOPLE, key=KEY, trait=[IMAGE, IMAGE])
    assert len(people) > len(hostile.TEXTS) * 0.9
    assert seen["all"]["people"] + seen["next"]["people"] == people
    assert seen["pages"].replace("\n", " ").startswith(f"Previous 1 to 50 of {len(people)}")
    assert "offset=50" in seen["next"]["query"]
    assert seen["narrowed"]["people"] == [row["person"] for row in by_visits] == [IMAGE]
    shown = ["Person", "Last seen", "Visits, descending", "Orders", "Revenue", "Device", "Country", IMAGE]
    assert seen["narrowed"]["columns"] == shown
    assert f"traits={IMAGE},{IMAGE}".replace(" ", "+") in seen["narrowed"]["query"]
    assert "order=visits" in seen["narrowed"]["query"] and "offset" not in seen["narrowed"]["query"]
    assert seen["reloaded"] == seen["narrowed"]
    assert len(seen["everybody"]["people"]) == 50 and "everybody=yes" in seen["everybody"]["query"]


def test_a_persons_page_shows_what_reports_say_by_the_keyboard_alone(world: World, looker: Looker) -> None:
    one = {"site_id": "hostile", "person": IMAGE}
    fields, ids, scores = (world.report(name, **one) for name in ("person", "person_ids", "person_scores"))
    events = world.report("person_events", **one, date_range="all")
    seen = looker.look("people.person", path=PEOPLE, key=KEY, id=IMAGE, language="de")
    assert seen["isKept"], "the focus stays in the search"
    assert seen["heading"] == IMAGE
    known = {row["field"]: row for row in fields if row["value"] not in ("null", "{}")}
    assert {name for name, *_ in seen["fields"]} == known.keys()
    assert [IMAGE, IMAGE] in [shown[:2] for shown in seen["fields"]]
    # A trait has the moment since when it has its value.
    assert all(since for name, _, since in seen["fields"] if known[name]["is_trait"])
    assert seen["ids"] == [row["id"] for row in ids]
    assert "the person was the first to log in on this device" in seen["rules"]
    # They are of two moments.
    assert seen["scores"] == pytest.approx([row["value"] for row in scores], abs=1)
    assert sorted(seen["events"]) == sorted(row["event_id"] for row in events)
    assert set(seen["visits"]) == {row["visit"] or "" for row in events}
    assert all(name in seen["said"] for row in events for name in json.loads(row["properties"]))
    assert set(seen["behind"]) <= set(seen["events"]) and len(seen["behind"]) > 1
    assert seen["closed"]
    assert seen["unseenStops"] == []
    english, german = (texts_of(language) for language in ("en", "de"))
    shown = {text.strip() for text in seen["texts"]}
    assert {"Wertungen", "Was bekannt ist", "Vorschau", "Zuletzt gesehen"} <= shown
    assert shown & (english - german) - {"English"} == set()


def test_a_merge_is_previewed_recorded_by_an_admin_key_alone_and_undone(world: World, looker: Looker) -> None:
    path = f"{PEOPLE}&period=all&person={quote(min(IMAGE, SVG))}"
    given: dict[str, Any] = {"other": max(IMAGE, SVG), "wrong": KEY, "admin": HOSTILE_ADMIN, "why": hostile.TEXTS[0]}
    seen = looker.look("people.edits", path=path, key=KEY, **given)
    assert seen["refused"]
    assert given["other"] in seen["preview"]["ids"] and re.search(r"\d+ ids? becomes?", seen["preview"]["text"])
    assert seen["previewed"] == seen["before"]
    assert seen["status"].startswith("The edit is recorded")
    assert set(seen["merged"]) == {IMAGE, SVG}
    assert given["why"] in seen["log"] and "Merge" in seen["log"]
    assert sorted(seen["undoing"]) == sorted(seen["preview"]["ids"])
    assert seen["undone"] == seen["before"]
    assert HOSTILE_ADMIN not in seen["kept"]
