"""The text and the HTML of a summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from html import escape
from zoneinfo import ZoneInfo

from clickstream.notifying.mails import Letter
from clickstream.notifying.numbers import Compared, Numbers, Span
from clickstream.notifying.words import LANGUAGES, Words, shown
from clickstream.sites.notices import Summary

NONE = "(none)"
MAX_ANNOTATION = 300
CELL = "padding:4px 12px 4px 0;text-align:right;white-space:nowrap"
FIRST_CELL = "padding:4px 12px 4px 0;text-align:left;font-weight:normal;overflow-wrap:anywhere"
# A label, the number, what it was before, and the change.
Row = tuple[str, str, str, str]


def summary_letter(
    site: str,
    zone: ZoneInfo,
    job: Summary,
    key: str,
    spans: tuple[Span, Span],
    numbers: Numbers,
    annotations: Sequence[tuple[str, str]],
    complete_until: datetime | None,
    sender: str,
    written_at: datetime,
) -> Letter:
    """The mail about a period. `annotations` are moments by the site's clock with their texts. `complete_until` may lie
    before the end of the period, which the mail then says.
    """
    words, (span, before) = LANGUAGES[job.language], spans
    period = words.week.format(words.day_of(span.first)) if job.period == "week" else words.month_of(span.first)
    title = f"{site}: {period}"
    heads = [title, _span(span, words) + ". " + words.compared.format(_span(before, words))]
    tables = [
        ("", [_headline_row(name, value, words) for name, value in numbers.headline.items()]),
        *(
            (words.lists[name], [_list_row(label, value, words) for label, value in rows])
            for name, rows in numbers.lists.items()
        ),
    ]
    happened = [f"{_moment(at, words)}: {shown(text, MAX_ANNOTATION)}" for at, text in annotations]
    notes = [_completeness(span, complete_until, zone, words), words.leave.format(job.mail.contact or sender)]
    return Letter(
        key,
        title,
        _as_text(heads, tables, happened, notes, job.dashboard, words),
        _as_html(heads, tables, happened, notes, job.dashboard, words),
        written_at,
    )


def _headline_row(name: str, value: Compared, words: Words) -> Row:
    change = words.signed(value.change, words.percent)
    if name == "bounce_rate":
        points = None if value.now is None or value.before is None else value.now - value.before
        change = words.signed(points, words.points)
    return words.headline[name], _number(name, value.now, words), _number(name, value.before, words), change


def _number(name: str, value: float | None, words: Words) -> str:
    if name == "visit_duration":
        return words.duration(value)
    if name == "bounce_rate":
        return words.number(value, 1) + (words.percent if value is not None else "")
    return words.number(value, 2 if name == "views_per_visit" else 0)


def _list_row(label: str, value: Compared, words: Words) -> Row:
    change = words.signed(value.change, words.percent)
    return (
        words.none if label == NONE else shown(label),
        words.number(value.now),
        words.number(value.before),
        change,
    )


def _span(span: Span, words: Words) -> str:
    return words.span.format(words.day_of(span.first), words.day_of(span.last))


def _moment(at: str, words: Words) -> str:
    """A day, or a minute of it."""
    day, _, minute = at.partition("T")
    return f"{words.day_of(date.fromisoformat(day))}{minute and f', {minute}'}"


def _completeness(span: Span, complete_until: datetime | None, zone: ZoneInfo, words: Words) -> str:
    if complete_until is None:
        return words.unknown
    if complete_until >= span.end(zone):
        return words.complete
    return words.incomplete.format(words.moment(complete_until.astimezone(zone)))


def _as_text(
    heads: Sequence[str],
    tables: Sequence[tuple[str, Sequence[Row]]],
    happened: Sequence[str],
    notes: Sequence[str],
    dashboard: str | None,
    words: Words,
) -> str:
    parts = ["\n".join(heads)]
    for title, rows in tables:
        table = [(title, words.now, words.before, words.change), *rows]
        widths = [max(len(row[column]) for row in table) for column in range(4)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(row[column].rjust(widths[column]) for column in (1, 2, 3))])
            for row in table
        ]
        parts.append("\n".join(lines if rows else [title, words.nothing]))
    if happened:
        parts.append("\n".join([words.happened, *happened]))
    if dashboard is not None:
        parts.append(f"{words.to_dashboard}: {dashboard}")
    return "\n\n".join([*parts, "\n".join(notes)]) + "\n"


def _as_html(
    heads: Sequence[str],
    tables: Sequence[tuple[str, Sequence[Row]]],
    happened: Sequence[str],
    notes: Sequence[str],
    dashboard: str | None,
    words: Words,
) -> str:
    title, *rest = heads
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(line)}</p>" for line in rest)]
    for title, rows in tables:
        if title:
            parts.append(f"<h2>{escape(title)}</h2>")
        if not rows:
            parts.append(f"<p>{escape(words.nothing)}</p>")
            continue
        names = "".join(f'<th scope="col" style="{CELL}">{escape(name)}</th>' for name in _columns(words))
        lines = "".join(
            f'<tr><th scope="row" style="{FIRST_CELL}">{escape(label)}</th>'
            + "".join(f'<td style="{CELL}">{escape(cell)}</td>' for cell in cells)
            + "</tr>\n"
            for label, *cells in rows
        )
        parts.append(f'<table style="border-collapse:collapse">\n<tr><td></td>{names}</tr>\n{lines}</table>')
    if happened:
        items = "".join(f"<li>{escape(line)}</li>" for line in happened)
        parts.append(f"<h2>{escape(words.happened)}</h2>\n<ul>{items}</ul>")
    if dashboard is not None:
        parts.append(f'<p><a href="{escape(dashboard)}">{escape(words.to_dashboard)}</a></p>')
    parts.extend(f"<p>{escape(note)}</p>" for note in notes)
    return "\n".join(parts)


def _columns(words: Words) -> Sequence[str]:
    return words.now, words.before, words.change
