"""Compares the table's events with a site's definitions: events that never arrive, have no definition, or drift."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import orjson

from clickstream.sites.event_definitions import EventDefinitions, Mode, Undefined
from clickstream.sites.event_validation import Definitions

# Names and pointers come from events, so their number has no bound; those beyond this limit are counted together.
MAX_KEPT = 500
OTHERS = "(others)"
NEVER, UNDEFINED_EVENT, DRIFT, FAILED = "never_arrived", "undefined_event", "drift", "failed_events"


@dataclass(frozen=True, slots=True)
class DefinitionTotal:
    """The number of events of one version of a definition, and of those with violations."""

    name: str
    version: str
    events: int
    events_with_violations: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at.

    `kind` is never_arrived, undefined_event, drift (events break their definition) or failed_events. `code` is the
    violation's, or the failure's class; `share` is the part of the definition's events, from 0 to 1.
    """

    kind: str
    event: str = ""
    version: str | None = None
    pointer: str = ""
    code: str = ""
    message: str = ""
    events: int = 0
    share: float | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None


@dataclass(frozen=True, slots=True)
class LintReport:
    """All findings about one site. `events` is the number of events examined."""

    site: str
    events: int
    definitions: tuple[DefinitionTotal, ...]
    findings: tuple[Finding, ...]

    def to_dict(self) -> dict[str, Any]:
        """The form that `--json` prints."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A number of identical events, and the times of the first and the last."""

    events: int
    first: datetime
    last: datetime


@dataclass(slots=True)
class _Tally:
    events: int = 0
    message: str = ""
    first: datetime | None = None
    last: datetime | None = None

    def add(self, seen: _Seen, message: str = "") -> None:
        self.events += seen.events
        self.message = self.message or message
        self.first = seen.first if self.first is None or seen.first < self.first else self.first
        self.last = seen.last if self.last is None or seen.last > self.last else self.last


@dataclass(slots=True)
class _Tallies:
    """Tallies for up to MAX_KEPT keys; the rest is counted under the key `others`."""

    others: tuple[str, ...]
    by_key: dict[tuple[str, ...], _Tally] = field(default_factory=dict)

    def add(self, key: tuple[str, ...], seen: _Seen, message: str = "") -> None:
        if key not in self.by_key and len(self.by_key) >= MAX_KEPT:
            key, message = self.others, ""
        self.by_key.setdefault(key, _Tally()).add(seen, message)


class Linter:
    """Takes rows of both tables in any order, and reports. It checks every definition, whatever its mode."""

    def __init__(self, site: str, events: EventDefinitions) -> None:
        self._site = site
        self._names = dict.fromkeys(item.name for item in events.definitions)
        self._definitions = Definitions(_in_full(events))
        self._events = 0
        self._versions = {(item.name, item.version): [0, 0] for item in events.definitions}
        self._arrived: set[str] = set()
        self._undefined = _Tallies((OTHERS,))
        self._violations = _Tallies((OTHERS, "", "", ""))
        self._failures = _Tallies((OTHERS, "", ""))

    def take_events(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows of `events`: event_type, event_name, properties (JSON text), definition_version, occurred_at.

        A row may represent several identical events: `events` is their number, `last_occurred_at` the last one's time.
        """
        for row in rows:
            first = row["occurred_at"]
            seen = _Seen(row.get("events", 1), first, row.get("last_occurred_at", first))
            self._events += seen.events
            properties = orjson.loads(row["properties"] or "{}")
            self._take((row["event_type"], row["event_name"]), properties, row["definition_version"], seen)

    def take_failed_events(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Rows of `failed_events`: failure_class, pointer, message, received_at."""
        for row in rows:
            key = (row["failure_class"], row["pointer"] or "", row["message"])
            self._failures.add(key, _Seen(1, row["received_at"], row["received_at"]), row["message"])

    def report(self) -> LintReport:
        """All findings by kind, the most frequent first within each."""
        findings = [*self._never_arrived(), *self._undefined_events(), *self._drift(), *self._failed()]
        totals = tuple(DefinitionTotal(*kind, *counts) for kind, counts in self._versions.items())
        return LintReport(self._site, self._events, totals, tuple(findings))

    def _take(
        self, kind_of_event: tuple[str, str], properties: dict[str, Any], version: str | None, seen: _Seen
    ) -> None:
        event_type, event_name = kind_of_event
        if "cart_total" in properties:  # the client may have sent it as revenue, and the collector validated it as such
            properties = {"revenue": properties["cart_total"], **properties}
        name = event_name if event_type == "custom" else event_type
        validation = self._definitions.check(event_type, event_name, properties, version)
        if any(violation.code == "unknown_event" for violation in validation.violations):
            self._undefined.add((name,), seen)
            return
        self._arrived.add(name)
        definition = self._definitions.definition_of(event_type, event_name, properties, version)
        if definition is not None:
            counts = self._versions[definition]
            counts[0] += seen.events
            counts[1] += seen.events if validation.violations else 0
        counted: set[tuple[str, ...]] = set()
        for violation in validation.violations:
            key = (name, definition[1] if definition else "", _any_item(violation.pointer), violation.code)
            if key not in counted:  # count an event once, however many of its items are wrong
                self._violations.add(key, seen, violation.message)
            counted.add(key)

    def _never_arrived(self) -> list[Finding]:
        return [Finding(NEVER, name) for name in self._names if name not in self._arrived]

    def _undefined_events(self) -> list[Finding]:
        return [
            Finding(UNDEFINED_EVENT, name, events=tally.events, first_seen=tally.first, last_seen=tally.last)
            for (name,), tally in _most_first(self._undefined)
        ]

    def _drift(self) -> list[Finding]:
        findings: list[Finding] = []
        for (name, version, pointer, code), tally in _most_first(self._violations):
            total = self._versions.get((name, version), (0, 0))[0]
            share = tally.events / total if total else None
            findings.append(
                Finding(
                    DRIFT, name, version or None, pointer, code, tally.message, tally.events, share,
                    tally.first, tally.last,
                )
            )  # fmt: skip
        return findings

    def _failed(self) -> list[Finding]:
        return [
            Finding(
                FAILED, "", None, pointer, failure_class, tally.message, tally.events, None, tally.first, tally.last
            )
            for (failure_class, pointer, _), tally in _most_first(self._failures)
        ]


def _in_full(events: EventDefinitions) -> EventDefinitions:
    definitions = tuple(item.model_copy(update={"mode": None}) for item in events.definitions)
    changes = {
        "mode": Mode.WARN,
        "unknown_events": Undefined.WARN,
        "unknown_properties": Undefined.WARN,
        "definitions": definitions,
    }
    return events.model_copy(update=changes)


def _any_item(pointer: str) -> str:
    """The pointer with every array index replaced by `*`, so that items are counted together."""
    return "/".join("*" if step.isdecimal() else step for step in pointer.split("/"))


def _most_first(tallies: _Tallies) -> list[tuple[tuple[str, ...], _Tally]]:
    return sorted(tallies.by_key.items(), key=lambda item: (-item[1].events, item[0]))
