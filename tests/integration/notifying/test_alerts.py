"""Alerts over real tables: what each condition looks at, and who gets which message how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from clickstream.jobs.failing import Actor
from clickstream.jobs.runner import JobRunner
from clickstream.jobs.state import EndedRun
from clickstream.model.pipeline_hour import PipelineHour
from clickstream.notifying.mail_server import MailServer
from clickstream.notifying.watching import Alerts
from clickstream.notifying.webhooks import WebhookAddress
from clickstream.querying.engine import QueryEngine
from clickstream.sites.alerts import Alert
from clickstream.sites.document import Site
from clickstream.storage.progress import Progress, write_progress
from clickstream.table.delta import Table
from clickstream.table.specs import PIPELINE_TABLE
from local.azurite import Azurite
from tests.integration.jobs.world import World, site_with
from tests.support.http_sink import HttpSink, http_sink
from tests.support.mail_sink import MailSink, mail_sink

pytestmark = pytest.mark.integration
HOUR, DAY, WEEK = timedelta(hours=1), timedelta(days=1), timedelta(weeks=1)
END = datetime(2026, 3, 11, 12, tzinfo=UTC)  # of the last complete hour
MAIL = {"connection": "mail", "recipients": ["ada@shop.example"]}
HOOKS = [{"connection": "team", "shape": "slack"}, {"connection": "pager"}]


class Watching:
    """A lake, and the sinks of mails and webhooks."""

    def __init__(self, azurite: Azurite, mails: MailSink, posts: HttpSink) -> None:
        self.world, self.mails, self.posts = World(azurite), mails, posts
        self.ids = 0
        self.at(END)

    def at(self, hour_end: datetime) -> None:
        """The table is complete up to some minutes after an hour; it is an hour later now."""
        lake = self.world.lake
        container = lake.account.container(lake.settings.lake_container)
        write_progress(container, Progress(hour_end + timedelta(minutes=7)))
        self.world.now = hour_end + HOUR + timedelta(minutes=30)

    def happened(self, events: int, before: timedelta = timedelta(minutes=30), **fields: Any) -> None:
        """Events so long before `END`."""
        ids = [f"e{self.ids + number}" for number in range(events)]
        self.ids += events
        self.world.commit(*ids, occurred_at=END - before, anonymous_id="a", **fields)

    def counted(self, hour: datetime, **counts: int) -> None:
        row = PipelineHour(site="shop", hub="events", hub_partition="0", hour=hour, **counts)
        table = Table.open_or_create(PIPELINE_TABLE, self.world.lake.account, self.world.lake.settings.lake_container)
        rows = [{**asdict(row), "hour_date": hour.date()}]
        table.append(pa.Table.from_pylist(rows, schema=PIPELINE_TABLE.schema), {}, {})

    def run(self, site: Site) -> EndedRun | None:
        lake = self.world.lake
        env = {
            "CONNECTION_MAIL": f"smtp://localhost:{self.mails.port}?from=stats@shop.example&tls=none",
            "CONNECTION_TEAM": self.posts.url("/team"),
            "CONNECTION_PAGER": self.posts.url("/pager"),
        }
        work = Alerts(
            QueryEngine(lake.account, lake.settings, lambda: self.world.now),
            lambda name: MailServer.named(env, name),
            lambda name: WebhookAddress.named(env, name),
            lambda: self.world.now,
        )
        runner = JobRunner(self.world.states, {Alert.kind: work}, lambda: self.world.now, self.world.new_id)
        return self.world.run(site, "watch", runner)

    def looked(self, site: Site) -> dict[str, int]:
        """A look at the next hour; returns what it counted."""
        ended = self.run(site)
        assert ended is not None and ended.outcome == "succeeded", ended
        self.at(self.world.now - timedelta(minutes=30))
        return dict(ended.counts)

    def looked_and_failed(self, site: Site) -> str | None:
        """A look at the next hour that fails; returns the code."""
        ended = self.run(site)
        assert ended is not None
        self.at(self.world.now - timedelta(minutes=30))
        return ended.code

    def texts(self) -> list[str]:
        """What the plain webhook got: the state, and the text."""
        return [f"{body['state']}: {body['text']}" for path, body in self.posts.posts if path == "/pager"]


@pytest.fixture
def watching(azurite: Azurite) -> Iterator[Watching]:
    with mail_sink() as mails, http_sink() as posts:
        yield Watching(azurite, mails, posts)


def site_of(condition: str, *, definitions: Any = (), time_zone: str = "UTC", **fields: Any) -> Site:
    job = {"name": "watch", "alert": condition, "keep_updated": {"every": "hour"}, "webhooks": HOOKS, **fields}
    return site_with(job, events={"definitions": list(definitions)}, time_zone=time_zone)


def test_a_spike_sends_one_message_and_one_all_clear_to_all(watching: Watching) -> None:
    for week, events in enumerate((2, 1, 3, 2), 1):
        watching.happened(events, week * WEEK + timedelta(minutes=30))
    watching.happened(30, WEEK + timedelta(minutes=90))  # another hour
    watching.happened(6)
    watching.happened(7, timedelta(minutes=-30))
    watching.happened(90, timedelta(minutes=5), is_bot=True)
    dashboard = "https://stats.example/dashboard"
    site = site_of("spike", at_least=5, mail=MAIL, dashboard=dashboard, time_zone="Asia/Kolkata")
    assert [watching.looked(site)["messages"] for _ in range(5)] == [3, 0, 0, 3, 0]

    began, ended = watching.mails.mails
    assert (began["Subject"], ended["Subject"]) == (
        "shop: many more events than usual", "shop: Over: many more events than usual",
    )  # fmt: skip
    text, html = (part.get_content() for part in began.iter_parts())
    said = "6 events from 11 March 2026, 16:30 (UTC+05:30) to 11 March 2026, 17:30 (UTC+05:30); 2 are usual."
    assert said in text and said in html and f'href="{dashboard}"' in html
    team = [body for path, body in watching.posts.posts if path == "/team"]
    assert team[0] == {
        "text": f"*shop: many more events than usual*\n{said}\n<{dashboard}|Open the dashboard>",
    }
    first, last = (body for path, body in watching.posts.posts if path == "/pager")
    assert first == {
        "id": "shop/watch/20260311T120000Z/began",
        "site": "shop",
        "job": "watch",
        "alert": "spike",
        "state": "began",
        "since": "2026-03-11T12:00:00Z",
        "from": "2026-03-11T11:00:00Z",
        "to": "2026-03-11T12:00:00Z",
        "facts": {"events": 6, "usual": 2.0},
        "title": "shop: many more events than usual",
        "text": said,
        "dashboard": dashboard,
    }
    assert (last["id"], last["since"]) == ("shop/watch/20260311T120000Z/ended", first["since"])
    assert last["to"] == "2026-03-11T15:00:00Z" and last["text"].endswith("Since 11 March 2026, 17:30 (UTC+05:30).")


def test_silence_is_hours_without_events_after_a_week_with_some(watching: Watching) -> None:
    site = site_of("silence", hours=2)
    assert watching.looked(site)["messages"] == 0  # no event ever
    watching.happened(1, timedelta(minutes=30))
    assert [watching.looked(site)["messages"] for _ in range(3)] == [0, 2, 0]
    watching.happened(1, timedelta(hours=-3.5))
    assert [watching.looked(site)["messages"] for _ in range(3)] == [0, 2, 2]
    assert watching.texts() == [
        "began: 0 events from 11 March 2026, 12:00 (UTC+00:00) to 11 March 2026, 14:00 (UTC+00:00).",
        "ended: 1 event from 11 March 2026, 15:00 (UTC+00:00) to 11 March 2026, 17:00 (UTC+00:00). "
        "Since 11 March 2026, 14:00 (UTC+00:00).",
        "began: 0 events from 11 March 2026, 16:00 (UTC+00:00) to 11 March 2026, 18:00 (UTC+00:00).",
    ]


def test_failed_events_and_reconciliation_are_of_complete_hours(watching: Watching) -> None:
    watching.counted(END - HOUR, request_accepted=12, captured=12, compacted=12)
    watching.counted(END, request_accepted=9, captured=9)  # not complete yet
    watching.counted(END - 26 * HOUR, request_accepted=5)
    site = site_of("reconciliation")
    assert [watching.looked(site)["messages"] for _ in range(2)] == [0, 2]
    assert watching.texts()[0].startswith("began: 9 events are missing after a stage, from 10 March 2026, 13:00")
    watching.counted(END + HOUR, request_accepted=12, captured=12, compacted=9, failed=3)
    site = site_of("failed_events", at_least=3, share=0.25, language="de")  # another condition begins anew
    assert [watching.looked(site)["messages"] for _ in range(3)] == [2, 0, 2]
    assert watching.texts()[1] == (
        "began: 3 von 12 Ereignissen schlugen fehl, vom 11. März 2026, 13:00 (UTC+00:00) bis 11. März 2026, "
        "14:00 (UTC+00:00)."
    )


def test_a_drift_is_of_one_definition_in_a_day(watching: Watching) -> None:
    definitions = [
        {"name": "purchase", "properties": {"price": {"type": "number", "required": True}}},
        {"name": "signup"},
    ]
    for properties, before in (("{}", 23.5 * HOUR), ('{"price": 1}', 2 * HOUR), ("{}", 25 * HOUR)):
        watching.happened(2, before, event_type="custom", event_name="purchase", properties=properties)
    watching.happened(1, event_type="custom", event_name="signup")
    site = site_of("definition_drift", at_least=2, share=0.5, definitions=definitions)
    assert [watching.looked(site)["messages"] for _ in range(4)] == [2, 0, 2, 0]
    assert [text.partition(", from")[0] for text in watching.texts()] == [
        "began: 2 of 4 events purchase violate their definition",
        "ended: 0 of 2 events purchase violate their definition",
    ]


def test_a_target_that_fails_gets_its_message_later_and_the_others_once(watching: Watching) -> None:
    watching.happened(5)
    site = site_of("spike", at_least=5, mail=MAIL)
    watching.posts.answers = [503, 0]  # the first webhook is down, the second one goes away after it has read
    assert watching.run(site) is None
    watching.world.now += timedelta(minutes=1)
    watching.posts.answers = [404]
    ended = watching.run(site)
    assert ended is not None
    assert (ended.actor, ended.code, ended.counts["messages"]) == (Actor.OPERATOR, "webhook_refused", 2)
    assert ended.message == "CONNECTION_TEAM: the webhook answered 404 ok"
    watching.at(END + 2 * HOUR)
    assert watching.looked(site) == {"messages": 1, "given_up": 0}
    assert len(watching.mails.mails) == 1
    assert [path for path, _ in watching.posts.posts] == ["/pager", "/pager", "/team"]
    assert watching.posts.posts[0][1] == watching.posts.posts[1][1]

    watching.posts.answers = [404, 404]
    assert watching.looked_and_failed(site) == "webhook_refused"
    watching.at(END + 30 * HOUR)
    assert watching.looked(site)["given_up"] == 1


def test_a_table_that_is_far_behind_fails_the_look(watching: Watching) -> None:
    watching.world.now += 6 * HOUR
    ended = watching.run(site_of("silence"))
    assert ended is not None and (ended.actor, ended.code) == (Actor.OPERATOR, "not_complete")
    assert ended.message == "the table is complete up to 2026-03-11T12:07:00+00:00 only"
