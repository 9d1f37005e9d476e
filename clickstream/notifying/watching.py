"""The job of an alert: looks at the last complete hour, and sends a message when an incident begins or ends.

What is to be sent is saved together with the look, and each target is saved when it has it. So a target gets a message
again only if a process ends, or the connection breaks, between the two; the second one has the same id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from clickstream.errors import LimitExceeded, SettingsError, Unavailable
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.work import ActiveRun, Done
from clickstream.notifying.conditions import Watch, after_look
from clickstream.notifying.looking import last_hour_end, look, window
from clickstream.notifying.mail_server import Undeliverable
from clickstream.notifying.mails import MailSender, mail_of
from clickstream.notifying.messages import Message, body_of, letter_of, message_of
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import scope_of
from clickstream.sites.alerts import Alert
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind

# How long a message is tried, and how far the table may lag behind before a look fails.
KEPT_FOR = timedelta(days=1)
LAG_ALLOWED = timedelta(hours=6)
MAIL, WEBHOOK = "mail ", "webhook "


class Poster(Protocol):
    """A webhook."""

    def post(self, body: bytes) -> None:
        """Post JSON. Raise Refused, Unavailable."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a job is: its watch, and the messages that some target does not have yet."""

    watch: Watch | None = None
    outbox: tuple[Message, ...] = ()


_POSITION = TypeAdapter(Position)


class Alerts:
    """Alerts of sites. `server` and `webhook` open a connection by its name; they may raise SettingsError."""

    def __init__(
        self,
        engine: QueryEngine,
        server: Callable[[str], MailSender],
        webhook: Callable[[str], Poster],
        now: Callable[[], datetime],
    ) -> None:
        self._engine, self._server, self._webhook, self._now = engine, server, webhook, now

    def step(self, run: ActiveRun) -> Done | None:
        """Look once, then send what is to be sent. Raise as `Work.step`."""
        job = run.job
        assert isinstance(job, Alert)
        position = _POSITION.validate_python(dict(run.state.position))
        counts = dict(run.run.counts)
        if run.run.checkpoint is None:
            position, counts = self._looked(run, job, position)
            _save(run, position, counts)
        if not self._send(run, job, position, counts):
            return None
        return Done(run.state.position)

    def withdraw(self, run: ActiveRun) -> None:
        """Nothing: messages that are sent are sent."""

    def _looked(self, run: ActiveRun, job: Alert, position: Position) -> tuple[Position, dict[str, int]]:
        """The position after a look at the last complete hour, unless that was looked at before."""
        now = self._now()
        until = self._engine.complete_until()
        if until is None or now - until > LAG_ALLOWED:
            raise JobFailed(
                Actor.OPERATOR,
                "not_complete",
                f"the table is complete up to {until.isoformat() if until else 'an unknown moment'} only",
            )
        kept = tuple(message for message in position.outbox if now - message.written_at < KEPT_FOR)
        counts = {"messages": 0, "given_up": len(position.outbox) - len(kept)}
        watch, hour_end = position.watch, last_hour_end(until)
        if watch is None or watch.alert != job.alert:
            watch = Watch(job.alert)
        if watch.looked_at is not None and hour_end <= watch.looked_at:
            return replace(position, outbox=kept), counts
        try:
            finding = look(self._engine, self._now, scope_of(Access(run.site, KeyKind.READ)), job, hour_end)
        except LimitExceeded as error:
            raise JobFailed(Actor.OPERATOR, "too_large", error.message) from error
        after, turn = after_look(watch, hour_end, finding)
        since = after.since or watch.since
        if turn is not None and since is not None:
            zone = ZoneInfo(run.site.time_zone)
            span = window(job, hour_end)
            kept += (message_of(run.site.site, zone, job, turn, since, span, finding, _targets(job), now),)
        return Position(after, kept), counts

    def _send(self, run: ActiveRun, job: Alert, position: Position, counts: dict[str, int]) -> bool:
        """Send each message to the targets that wait, until the time is over; returns whether all were tried. One that
        fails keeps none of the others from it.

        Raise what the first failure raised, after all have been tried.
        """
        failure: JobFailed | SettingsError | Unavailable | None = None
        for message in position.outbox:
            for target in message.waiting:
                if run.is_time_over:
                    return False
                run.renew()
                is_done = True
                try:
                    if target in _targets(job):
                        self._deliver(message, job, target)
                        counts["messages"] += 1
                except Undeliverable as answer:
                    said = f"the mail server takes no mail for a recipient: {answer}"
                    failure = failure or JobFailed(Actor.AUTHOR, "recipient_refused", said)
                except (SettingsError, Unavailable) as error:
                    failure, is_done = failure or error, False
                if is_done:
                    position = _without(position, message.id, target)
                    _save(run, position, counts)
        if failure is not None:
            raise failure
        return True

    def _deliver(self, message: Message, job: Alert, target: str) -> None:
        if target.startswith(MAIL):
            assert job.mail is not None
            server = self._server(job.mail.connection)
            letter = letter_of(message, job, server.sender)
            recipient = target.removeprefix(MAIL)
            server.send(mail_of(letter, job.language, server.sender, recipient, job.mail.contact))
            return
        name = target.removeprefix(WEBHOOK)
        (webhook,) = (each for each in job.webhooks if each.connection == name)
        self._webhook(name).post(body_of(message, job, webhook.shape))


def _targets(job: Alert) -> Sequence[str]:
    recipients = () if job.mail is None else job.mail.recipients
    return [
        *(MAIL + address for address in recipients),
        *(WEBHOOK + webhook.connection for webhook in job.webhooks),
    ]


def _without(position: Position, message_id: str, target: str) -> Position:
    """The position once a target has a message, or never gets it."""
    outbox = [
        replace(each, waiting=tuple(other for other in each.waiting if each.id != message_id or other != target))
        for each in position.outbox
    ]
    return replace(position, outbox=tuple(each for each in outbox if each.waiting))


def _save(run: ActiveRun, position: Position, counts: dict[str, int]) -> None:
    saved: dict[str, Any] = asdict(position)
    run.save({"looked": True}, dict(counts), saved)
