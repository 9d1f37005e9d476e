"""The message about an incident: as a mail, as plain JSON, and in the shapes of Slack and Teams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from clickstream.notifying.alert_words import ALERT_WORDS, Fact
from clickstream.notifying.conditions import Finding, Turn
from clickstream.notifying.mails import Letter
from clickstream.notifying.words import LANGUAGES, shown
from clickstream.sites.alerts import Alert, Condition

CARD = "application/vnd.microsoft.card.adaptive"


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `id` is the same for each attempt and each target; `begin` and `end` are what the facts are about.

    `waiting` are the targets that do not have it yet.
    """

    id: str
    site: str
    job: str
    alert: Condition
    state: Turn
    since: datetime
    begin: datetime
    end: datetime
    facts: Mapping[str, Any]
    title: str
    lines: Sequence[str]
    written_at: datetime
    waiting: tuple[str, ...]


def message_of(
    site: str,
    zone: ZoneInfo,
    job: Alert,
    turn: Turn,
    since: datetime,
    span: tuple[datetime, datetime],
    finding: Finding,
    targets: Sequence[str],
    now: datetime,
) -> Message:
    """Say that an incident began, or that the one since a moment is over."""
    words, texts = LANGUAGES[job.language], ALERT_WORDS[job.language]
    begin, end = (words.moment(moment.astimezone(zone)) for moment in span)
    facts = {
        name: Fact(shown(value) if isinstance(value, str) else words.number(value, 0 if value == int(value) else 1))
        for name, value in finding.facts.items()
    }
    title = texts.titles[job.alert]
    lines = [texts.facts[job.alert].format(**facts, begin=begin, end=end)]
    if turn == "ended":
        title = texts.over.format(title)
        lines.append(texts.since.format(words.moment(since.astimezone(zone))))
    return Message(
        f"{site}/{job.name}/{since:%Y%m%dT%H%M%SZ}/{turn}", site, job.name, job.alert, turn, since, *span,
        finding.facts, f"{site}: {title}", lines, now, tuple(targets),
    )  # fmt: skip


def letter_of(message: Message, job: Alert, sender: str) -> Letter:
    """The message as a mail."""
    words = LANGUAGES[job.language]
    contact = sender if job.mail is None or job.mail.contact is None else job.mail.contact
    link = None if job.dashboard is None else f"{words.to_dashboard}: {job.dashboard}"
    text = [message.title, "\n".join(message.lines), *([] if link is None else [link]), words.leave.format(contact)]
    html = [f"<h1>{escape(message.title)}</h1>", *(f"<p>{escape(line)}</p>" for line in message.lines)]
    if job.dashboard is not None:
        html.append(f'<p><a href="{escape(job.dashboard)}">{escape(words.to_dashboard)}</a></p>')
    html.append(f"<p>{escape(words.leave.format(contact))}</p>")
    return Letter(message.id, message.title, "\n\n".join(text) + "\n", "\n".join(html), message.written_at)


def body_of(message: Message, job: Alert, shape: str) -> bytes:
    """The JSON that a webhook gets."""
    shapes = {"slack": _slack, "teams": _teams, "json": _plain}
    return orjson.dumps(shapes[shape](message, job), option=orjson.OPT_UTC_Z)


def _plain(message: Message, job: Alert) -> Mapping[str, Any]:
    return {
        "id": message.id,
        "site": message.site,
        "job": message.job,
        "alert": message.alert,
        "state": message.state,
        "since": message.since,
        "from": message.begin,
        "to": message.end,
        "facts": message.facts,
        "title": message.title,
        "text": " ".join(message.lines),
        "dashboard": job.dashboard,
    }


def _slack(message: Message, job: Alert) -> Mapping[str, Any]:
    lines = [f"*{_for_slack(message.title)}*", *map(_for_slack, message.lines)]
    if job.dashboard is not None:
        lines.append(f"<{_for_slack(job.dashboard)}|{LANGUAGES[job.language].to_dashboard}>")
    return {"text": "\n".join(lines)}


def _for_slack(text: str) -> str:
    return escape(text, quote=False)


def _teams(message: Message, job: Alert) -> Mapping[str, Any]:
    blocks = [{"type": "TextBlock", "text": message.title, "weight": "Bolder", "size": "Medium", "wrap": True}]
    blocks += [{"type": "TextBlock", "text": line, "wrap": True} for line in message.lines]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    if job.dashboard is not None:
        title = LANGUAGES[job.language].to_dashboard
        card["actions"] = [{"type": "Action.OpenUrl", "title": title, "url": job.dashboard}]
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": card}]}
