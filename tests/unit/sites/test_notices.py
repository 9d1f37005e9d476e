"""Notices in a site's document: all problems at once, each with its place; and the settings that they need."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import yaml

from clickstream.errors import InvalidSite
from clickstream.sites.__main__ import _of_jobs
from clickstream.sites.document import Site, parse_site

MAIL = {"connection": "mail", "recipients": ["ada@shop.example"]}


def site_with(*jobs: dict[str, Any]) -> Site:
    document = {"site": "shop", "keys": [{"kind": "public", "key": "shop-web"}], "jobs": list(jobs)}
    return parse_site(yaml.safe_dump(document).encode(), expected="shop")


def summary(name: str = "weekly", **fields: Any) -> dict[str, Any]:
    return {"name": name, "send": "summary", **fields, "mail": {**MAIL, **fields.get("mail", {})}}


def test_all_problems_of_summaries_are_reported_with_their_places() -> None:
    with pytest.raises(InvalidSite) as error:
        site_with(
            summary("a", mail={"recipients": []}),
            summary(
                "b", mail={"recipients": ["ada", "Ada <ada@shop.example>", "a\r\nBcc: x@y.example", "bo@shop.example"]}
            ),
            summary("c", mail={"recipients": ["ada@shop.example", "ADA@shop.example"]}),
            summary("d", keep_updated={"every": "day"}),
            summary("e", dashboard="javascript:alert(1)"),
            summary("f", language="fr", period="day"),
            summary("g", mail={"connection": "smtp://evil.example"}),
        )
    places = [problem.partition(":")[0] for problem in error.value.problems]
    assert places == [
        "/jobs/0/mail/recipients",
        *(f"/jobs/1/mail/recipients/{place}" for place in range(3)),
        "/jobs/2/mail/recipients",
        "/jobs/3/keep_updated/every",
        "/jobs/4/dashboard",
        "/jobs/5/language",
        "/jobs/5/period",
        "/jobs/6/mail/connection",
    ]


def test_a_plan_says_which_mail_server_is_not_set() -> None:
    sites = {"shop": site_with(summary(), summary("monthly", period="month"))}
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    assert list(_of_jobs(sites, {}, moment)) == [
        f"! shop: the job {name} needs a setting of the app: CONNECTION_MAIL (an address) is required"
        for name in ("weekly", "monthly")
    ]
    assert list(_of_jobs(sites, {"CONNECTION_MAIL": "smtps://mail.example"}, moment)) == []


def alert(name: str, condition: str, **fields: Any) -> dict[str, Any]:
    webhooks = [{"connection": "team", "shape": "slack"}]
    return {"name": name, "alert": condition, "webhooks": webhooks, "keep_updated": {"every": "hour"}, **fields}


def test_all_problems_of_alerts_are_reported_with_their_places() -> None:
    with pytest.raises(InvalidSite) as error:
        site_with(
            alert("a", "silence", webhooks=[]),
            alert("b", "silence", times=2.0, share=0.5),
            alert("c", "spike", webhooks=[{"connection": "team"}, {"connection": "team", "shape": "json"}]),
            alert("d", "spike", webhooks=[{"connection": "https://evil.example"}, {"connection": "a", "shape": "irc"}]),
            {**alert("e", "spike", times=1.0), "keep_updated": None},
            alert("f", "storm"),
        )
    places = [problem.partition(": ")[0] for problem in error.value.problems]
    assert places == [
        "/jobs/0/mail",
        "/jobs/1/times",
        "/jobs/1/share",
        "/jobs/2/webhooks",
        "/jobs/3/webhooks/0/connection",
        "/jobs/3/webhooks/1/shape",
        "/jobs/4/keep_updated",
        "/jobs/4/times",
        "/jobs/5",
    ]
    assert "`alert: spike` or `alert: silence`" in error.value.problems[-1]
