"""The job that sends a summary: waits until its numbers are complete, reads them once, and writes to each recipient.

A recipient gets a mail again only if a process ends, or the connection breaks, between the moment when the server takes
the mail and the one when that is saved. The second mail has the same `Message-ID` and the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from clickstream.errors import LimitExceeded
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.work import ActiveRun, Done
from clickstream.notifying.mail_server import Undeliverable
from clickstream.notifying.mails import Letter, MailSender, mail_of
from clickstream.notifying.numbers import Numbers, Span, last_whole, read_numbers
from clickstream.notifying.summary_mail import summary_letter
from clickstream.querying.engine import QueryEngine
from clickstream.querying.goals import scope_of
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.sites.notices import Summary
from clickstream.sites.visit_rules import Annotation

# How long after its due time a mail waits for events that are not in the table yet.
PATIENCE = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Progress:
    """The numbers as they were read, what happened, the recipients that wait, and the answers about those that get no
    mail."""

    span: Span
    before: Span
    numbers: Numbers
    complete_until: datetime | None
    waiting: tuple[str, ...]
    sent: int = 0
    refused: tuple[str, ...] = ()
    # Moment and text of each annotation, as the document has them.
    annotations: tuple[tuple[str, str], ...] = ()


_PROGRESS = TypeAdapter(Progress)


class Summaries:
    """Summaries of sites. `server` opens a connection by its name; it may raise SettingsError."""

    def __init__(self, engine: QueryEngine, server: Callable[[str], MailSender], now: Callable[[], datetime]) -> None:
        self._engine, self._server, self._now = engine, server, now

    def step(self, run: ActiveRun) -> Done | None:
        """Write to the recipients until the time is over. Raise as `Work.step`."""
        job = run.job
        assert isinstance(job, Summary)
        server, zone = self._server(job.mail.connection), ZoneInfo(run.site.time_zone)
        progress = self._begun(run, job, zone)
        if progress is None:
            return None
        letter = summary_letter(
            run.site.site, zone, job, run.run.id, (progress.span, progress.before), progress.numbers,
            progress.annotations, progress.complete_until, server.sender, run.run.started_at,
        )  # fmt: skip
        while progress.waiting:
            if run.is_time_over:
                return None
            run.renew()
            progress = _written_to_next(job, letter, server, progress)
            _save(run, progress)
        if progress.refused:
            raise JobFailed(
                Actor.AUTHOR,
                "recipient_refused",
                f"the mail server takes no mail for {len(progress.refused)} recipients: {progress.refused[0]}",
            )
        return Done(
            run.state.position,
            {
                "from": progress.span.first.isoformat(),
                "to": progress.span.last.isoformat(),
                "complete_until": progress.complete_until and progress.complete_until.isoformat(),
            },
        )

    def withdraw(self, run: ActiveRun) -> None:
        """Nothing: mail that is sent is sent."""

    def _begun(self, run: ActiveRun, job: Summary, zone: ZoneInfo) -> Progress | None:
        """The saved progress, or that of a new run; None while its numbers are waited for."""
        if run.run.checkpoint:
            saved: Progress = _PROGRESS.validate_python(run.run.checkpoint)
            return saved
        span, before = last_whole(job.period, run.run.due_at, zone)
        until = self._engine.complete_until()
        if (until is None or until < span.end(zone)) and self._now() < run.run.due_at + PATIENCE:
            run.save({}, {})
            return None
        site = scope_of(Access(run.site, KeyKind.READ))
        try:
            numbers = read_numbers(self._engine, self._now, site, span, before)
        except LimitExceeded as error:
            raise JobFailed(Actor.OPERATOR, "too_large", error.message) from error
        happened = annotations_within(run.site.annotations, span)
        progress = Progress(span, before, numbers, until, job.mail.recipients, annotations=happened)
        _save(run, progress)
        return progress


def annotations_within(annotations: Iterable[Annotation], span: Span) -> tuple[tuple[str, str], ...]:
    """Moment and text of those of the span's days, the earliest first; a day comes before its minutes."""
    first, last = span.texts
    return tuple(sorted((each.at, each.text) for each in annotations if first <= each.at[: len(first)] <= last))


def _written_to_next(job: Summary, letter: Letter, server: MailSender, progress: Progress) -> Progress:
    """Write to the first recipient that waits, unless the document has it no more."""
    recipient, *others = progress.waiting
    rest = replace(progress, waiting=tuple(others))
    if recipient not in job.mail.recipients:
        return rest
    try:
        server.send(mail_of(letter, job.language, server.sender, recipient, job.mail.contact))
    except Undeliverable as answer:
        place = job.mail.recipients.index(recipient)
        return replace(rest, refused=(*rest.refused, f"/mail/recipients/{place}: {answer}"))
    return replace(rest, sent=rest.sent + 1)


def _save(run: ActiveRun, progress: Progress) -> None:
    run.save(asdict(progress), {"mails": progress.sent, "refused": len(progress.refused)})
