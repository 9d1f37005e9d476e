"""Summaries by mail: their numbers, to whom, how often, and what a mail has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clickstream.jobs.failing import Actor
from clickstream.jobs.runner import JobRunner
from clickstream.notifying.mail_server import MailServer
from clickstream.notifying.summaries import Summaries
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import scope_of
from clickstream.querying.request import parse_query
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, Site
from clickstream.sites.notices import Summary
from clickstream.storage.progress import Progress, write_progress
from local.azurite import Azurite
from tests.integration.jobs.world import World, site_with
from tests.integration.querying.lake import event
from tests.support.mail_sink import MailSink, mail_sink

pytestmark = pytest.mark.integration
ZONE = ZoneInfo("Pacific/Auckland")
BEGIN = datetime(2026, 3, 2, tzinfo=ZONE)  # a Monday
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
NOW = datetime(2026, 3, 9, 8, tzinfo=ZONE)
MAIL = {"connection": "mail", "recipients": ["ada@shop.example", "bo@shop.example"]}
# Visitor, page, source and moment of each page view; the week's are those from the third to the last but one.
VIEWS = [
    ("v0", "/", "google", BEGIN - 7 * DAY - MOMENT),
    ("v1", "/", "google", BEGIN - 7 * DAY),
    ("v1", "/", "google", BEGIN),
    ("v2", "/", None, BEGIN + DAY),
    ("v2", "/<b>&\u202e", None, BEGIN + DAY + timedelta(seconds=90)),
    ("v3", "/", "google", BEGIN + 7 * DAY - MOMENT),
    ("v4", "/", "google", BEGIN + 7 * DAY),
]


class Post:
    """A lake with the views, jobs over it, and a mail server."""

    def __init__(self, azurite: Azurite, sink: MailSink) -> None:
        self.world, self.sink = World(azurite, now=NOW.astimezone(UTC)), sink
        self.world.commit_rows(
            [
                event(
                    f"e{place}", "shop", moment.astimezone(UTC), anonymous_id=visitor, page_path=page,
                    utm_source=source, source=source,
                )
                for place, (visitor, page, source, moment) in enumerate(VIEWS)
            ]
        )  # fmt: skip
        self.complete(NOW)

    def complete(self, until: datetime) -> None:
        lake = self.world.lake
        write_progress(lake.account.container(lake.settings.lake_container), Progress(until.astimezone(UTC)))

    def engine(self) -> QueryEngine:
        return QueryEngine(self.world.lake.account, self.world.lake.settings, lambda: self.world.now)

    def runner(self) -> JobRunner:
        env = {"CONNECTION_MAIL": f"smtp://localhost:{self.sink.port}?from=stats@shop.example&tls=none"}
        work = Summaries(self.engine(), lambda name: MailServer.named(env, name), lambda: self.world.now)
        return JobRunner(self.world.states, {Summary.kind: work}, lambda: self.world.now, self.world.new_id)

    def run(self, site: Site) -> Any:
        return self.world.run(site, "weekly", self.runner())


@pytest.fixture
def post(azurite: Azurite) -> Iterator[Post]:
    with mail_sink() as sink:
        yield Post(azurite, sink)


HAPPENED = [
    {"at": "2026-03-08T23:59", "text": "Newsletter <b>sent</b>"},
    {"at": "2026-03-02", "text": "New\u202echeckout"},
    {"at": "2026-03-01", "text": "before"},
    {"at": "2026-03-09", "text": "after"},
]


def site_of(*, annotations: Any = (), **fields: Any) -> Site:
    job = {"name": "weekly", "send": "summary", "mail": MAIL, **fields}
    goals = [{"name": "Reading", "page": "/*"}]
    return site_with(job, time_zone="Pacific/Auckland", goals=goals, annotations=annotations)


def parts(mail: EmailMessage) -> tuple[str, str]:
    text, html = (part.get_content() for part in mail.iter_parts())
    return text, html


def cells(text: str, label: str) -> list[str]:
    """Number, number before and change in the line of a label."""
    (line,) = (line for line in text.splitlines() if re.match(rf"{re.escape(label)}\s\s", line))
    return re.split(r"\s{2,}", line.strip())[1:]


def test_the_numbers_are_those_of_the_api_in_the_time_zone_of_the_site(post: Post) -> None:
    site = site_of(dashboard="https://stats.example/dashboard")
    ended = post.run(site)
    assert (ended.outcome, ended.counts) == ("succeeded", {"mails": 2, "refused": 0})
    assert ended.scope == {"from": "2026-03-02", "to": "2026-03-08", "complete_until": NOW.astimezone(UTC).isoformat()}
    assert post.sink.recipients == MAIL["recipients"]
    mail, other = post.sink.mails
    text, html = parts(mail)
    assert parts(other) == (text, html) and mail["Subject"] == "shop: week of 2 March 2026"
    assert "2 March 2026 to 8 March 2026. Compared with 23 February 2026 to 1 March 2026." in text

    week = {visitor for visitor, _, _, moment in VIEWS if BEGIN <= moment < BEGIN + 7 * DAY}
    before = {visitor for visitor, _, _, moment in VIEWS if BEGIN - 7 * DAY <= moment < BEGIN}
    assert cells(text, "Visitors") == [str(len(week)), str(len(before)), "+200.0%"]
    query = {
        "site_id": "shop",
        "metrics": ["visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration"],
        "date_range": ["2026-03-02", "2026-03-08"],
        "include": {"comparisons": {"mode": "previous_period"}},
    }
    answer = post.engine().query_answer(parse_query(json.dumps(query).encode()), scope_of(Access(site, KeyKind.READ)))
    (row,) = json.loads(answer.body)["results"]
    visits, views, per_visit, bounces, duration = row["metrics"]
    then = row["comparison"]["metrics"]
    assert (visits, views, duration) == (3, 4, 30.0)
    assert cells(text, "Visits") == ["3", str(then[0]), f"+{row['comparison']['change'][0]}%"]
    assert cells(text, "Page views") == ["4", str(then[1]), "+300.0%"]
    assert cells(text, "Page views per visit") == [
        f"{per_visit:.2f}",
        f"{then[2]:.2f}",
        f"+{row['comparison']['change'][2]}%",
    ]
    assert cells(text, "Bounce rate") == [f"{bounces:.1f}%", "100.0%", f"{bounces - then[3]:.1f} points"]
    assert cells(text, "Visit duration") == ["30 s", "0 s", "-"]
    sources, pages = text.split("Top sources")[1].split("Top pages")
    assert cells(sources, "google") == ["2", "1", "+100.0%"]
    assert cells(pages, "/") == ["3", "1", "+200.0%"] and cells(pages, "/<b>& ") == ["1", "0", "-"]
    assert cells(text, "Reading") == ["3", "1", "+200.0%"]
    assert "The numbers are complete." in text and "What happened" not in text + html

    assert "/&lt;b&gt;&amp; " in html and "<b>" not in html and "<img" not in html and "url(" not in html
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["https://stats.example/dashboard"]


def test_what_happened_in_the_period_is_in_every_mail_as_it_was_when_the_numbers_were_read(post: Post) -> None:
    post.sink.hang_up = 1
    assert post.run(site_of(annotations=HAPPENED)) is None
    post.world.now += timedelta(minutes=11)
    assert post.run(site_of(annotations=[{"at": "2026-03-03", "text": "too late"}])).outcome == "succeeded"
    for mail in post.sink.mails:
        text, html = parts(mail)
        lines = text.splitlines()
        at = lines.index("What happened")
        assert lines[at + 1 : at + 4] == [
            "2 March 2026: New checkout",
            "8 March 2026, 23:59: Newsletter <b>sent</b>",
            "",
        ]
        assert "<li>8 March 2026, 23:59: Newsletter &lt;b&gt;sent&lt;/b&gt;</li></ul>" in html
    assert len(post.sink.mails) == 3


def test_a_german_month_beside_the_month_before(post: Post) -> None:
    post.world.now = datetime(2026, 4, 1, 8, tzinfo=ZONE).astimezone(UTC)
    post.complete(post.world.now)
    schedule = {"every": "month", "at": "08:00", "day": 1}
    site = site_of(period="month", language="de", keep_updated=schedule, annotations=HAPPENED)
    assert post.run(site).outcome == "succeeded"
    text, html = parts(post.sink.mails[0])
    assert post.sink.mails[0]["Subject"] == "shop: März 2026" and '<html lang="de">' in html
    assert "1. März 2026 bis 31. März 2026. Verglichen mit 1. Februar 2026 bis 28. Februar 2026." in text
    assert cells(text, "Besucher") == ["4", "2", "+100,0 %"] and "Wer diese Mails nicht mehr will" in text
    lines = text.splitlines()
    assert lines[lines.index("Was geschah") + 1 :][:2] == ["1. März 2026: before", "2. März 2026: New checkout"]
    assert cells(text, "Seitenaufrufe je Besuch") == ["1,25", "1,00", "+25,0 %"]


def test_a_mail_waits_for_its_numbers_but_not_for_ever(post: Post) -> None:
    post.complete(BEGIN + 7 * DAY - timedelta(minutes=1))
    assert post.run(site_of()) is None
    post.world.now += timedelta(hours=5)
    assert post.run(site_of()) is None and post.sink.mails == []
    post.world.now += timedelta(hours=1)
    assert post.run(site_of()).outcome == "succeeded"
    text, _ = parts(post.sink.mails[0])
    assert "complete only up to 8 March 2026, 23:59 (UTC+13:00)" in text


def test_a_mail_that_may_not_have_arrived_is_sent_again_as_the_same(post: Post) -> None:
    """The server takes the first mail and goes away, as when a process ends before it has saved that."""
    post.sink.hang_up = 1
    assert post.run(site_of()) is None
    post.world.commit("late", occurred_at=BEGIN.astimezone(UTC), anonymous_id="late")
    post.world.now += timedelta(minutes=11)
    ended = post.run(site_of())
    assert (ended.outcome, ended.attempts, ended.counts["mails"]) == ("succeeded", 2, 2)
    assert post.sink.recipients == ["ada@shop.example", "ada@shop.example", "bo@shop.example"]
    first, again, other = post.sink.mails
    assert (first["Message-ID"], first["Date"], parts(first)) == (again["Message-ID"], again["Date"], parts(again))
    assert first["Message-ID"] != other["Message-ID"] and parts(first) == parts(other)


def test_who_is_refused_or_no_longer_named_keeps_nobody_from_a_mail(post: Post) -> None:
    post.sink.answers = {"ada@shop.example": "451 not now"}
    assert post.run(site_of()) is None
    post.sink.answers = {"ada@shop.example": "550 no such user"}
    post.world.now += timedelta(minutes=11)
    ended = post.run(site_of())
    assert (ended.actor, ended.code, ended.counts) == (Actor.AUTHOR, "recipient_refused", {"mails": 1, "refused": 1})
    assert ended.message.endswith("/mail/recipients/0: 550 no such user")
    assert post.sink.recipients == ["bo@shop.example"]

    post.sink.hang_up = 1
    site = site_of(mail={**MAIL, "recipients": ["cy@shop.example", "bo@shop.example"]})
    post.runner().ask(site, site.jobs[0])
    assert post.run(site) is None
    post.world.now += timedelta(minutes=11)
    ended = post.run(site_of(mail={**MAIL, "recipients": ["bo@shop.example"]}))
    assert (ended.outcome, ended.counts["mails"]) == ("succeeded", 1)
    assert post.sink.recipients[1:] == ["cy@shop.example", "bo@shop.example"]
