"""The texts of mails and messages in each language, and how it writes numbers and dates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

NOTHING = "-"
MAX_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Words:
    """One language. Texts with `{}` are formats."""

    decimal: str
    thousands: str
    percent: str
    day: str
    months: Sequence[str]
    headline: Mapping[str, str]
    lists: Mapping[str, str]
    week: str
    visitors: str
    now: str
    before: str
    change: str
    points: str
    span: str
    compared: str
    none: str
    nothing: str
    happened: str
    to_dashboard: str
    complete: str
    incomplete: str
    unknown: str
    leave: str

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with this many digits after the point."""
        if value is None:
            return NOTHING
        text = f"{abs(value):,.{digits}f}".translate({ord(","): self.thousands, ord("."): self.decimal})
        return f"-{text}" if value < 0 else text

    def signed(self, value: float | None, unit: str) -> str:
        """A change: with a sign, one digit and a unit."""
        if value is None:
            return NOTHING
        return f"{'+' if value > 0 else ''}{self.number(value, 1)}{unit}"

    def duration(self, seconds: float | None) -> str:
        """Minutes and seconds."""
        if seconds is None:
            return NOTHING
        minutes, rest = divmod(round(seconds), 60)
        return f"{self.number(minutes)} min {rest} s" if minutes else f"{rest} s"

    def day_of(self, day: date) -> str:
        """A day with its month and year."""
        return self.day.format(day=day.day, month=self.months[day.month - 1], year=day.year)

    def month_of(self, day: date) -> str:
        """The month of a day, with its year."""
        return f"{self.months[day.month - 1]} {day.year}"

    def moment(self, moment: datetime) -> str:
        """A moment, with the offset of its zone."""
        offset = moment.strftime("%z")
        return f"{self.day_of(moment.date())}, {moment:%H:%M} (UTC{offset[:3]}:{offset[3:]})"


EN = Words(
    decimal=".",
    thousands=",",
    percent="%",
    day="{day} {month} {year}",
    months=(
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
        "December",
    ),
    headline={
        "visitors": "Visitors",
        "visits": "Visits",
        "pageviews": "Page views",
        "views_per_visit": "Page views per visit",
        "bounce_rate": "Bounce rate",
        "visit_duration": "Visit duration",
    },
    lists={"sources": "Top sources", "pages": "Top pages", "goals": "Goals"},
    week="week of {}",
    visitors="Visitors",
    now="Now",
    before="Before",
    change="Change",
    points=" points",
    span="{} to {}",
    compared="Compared with {}.",
    none="none",
    nothing="Nothing in this period.",
    happened="What happened",
    to_dashboard="Open the dashboard",
    complete="The numbers are complete.",
    incomplete="The numbers are complete only up to {}; later events are missing.",
    unknown="It is not known up to when the numbers are complete.",
    leave="To get no more of these mails, write to {}.",
)  # fmt: skip
DE = Words(
    decimal=",",
    thousands=".",
    percent=" %",
    day="{day}. {month} {year}",
    months=(
        "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November",
        "Dezember",
    ),
    headline={
        "visitors": "Besucher",
        "visits": "Besuche",
        "pageviews": "Seitenaufrufe",
        "views_per_visit": "Seitenaufrufe je Besuch",
        "bounce_rate": "Absprungrate",
        "visit_duration": "Besuchsdauer",
    },
    lists={"sources": "Häufigste Quellen", "pages": "Häufigste Seiten", "goals": "Ziele"},
    week="Woche vom {}",
    visitors="Besucher",
    now="Jetzt",
    before="Davor",
    change="Änderung",
    points=" Punkte",
    span="{} bis {}",
    compared="Verglichen mit {}.",
    none="keine",
    nothing="Nichts in diesem Zeitraum.",
    happened="Was geschah",
    to_dashboard="Zum Dashboard",
    complete="Die Zahlen sind vollständig.",
    incomplete="Die Zahlen sind nur bis {} vollständig; spätere Ereignisse fehlen.",
    unknown="Bis wann die Zahlen vollständig sind, ist nicht bekannt.",
    leave="Wer diese Mails nicht mehr will, schreibt an {}.",
)  # fmt: skip
LANGUAGES: Mapping[str, Words] = {"en": EN, "de": DE}


def shown(text: str, most: int = MAX_SHOWN) -> str:
    """A text of others on one line: without control characters, and shortened."""
    clean = "".join(character if character.isprintable() else " " for character in text)
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
