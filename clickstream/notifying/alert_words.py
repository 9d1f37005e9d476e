"""The texts of alerts in each language. Their formats take the facts of a finding, and `begin` and `end`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clickstream.sites.alerts import Condition


@dataclass(frozen=True, slots=True)
class AlertWords:
    """One language."""

    titles: Mapping[Condition, str]
    facts: Mapping[Condition, str]
    over: str
    since: str


EN = AlertWords(
    {
        "spike": "many more events than usual",
        "silence": "no events",
        "failed_events": "many failed events",
        "reconciliation": "events are missing",
        "definition_drift": "events violate their definition",
    },
    {
        "spike": "{events} events from {begin} to {end}; {usual} are usual.",
        "silence": "{events} events from {begin} to {end}.",
        "failed_events": "{bad} of {events} events failed from {begin} to {end}.",
        "reconciliation": "{difference} events are missing after a stage, from {begin} to {end}.",
        "definition_drift": "{bad} of {events} events {name} violate their definition, from {begin} to {end}.",
    },
    "Over: {}",
    "Since {}.",
)
DE = AlertWords(
    {
        "spike": "viel mehr Ereignisse als sonst",
        "silence": "keine Ereignisse",
        "failed_events": "viele fehlgeschlagene Ereignisse",
        "reconciliation": "Ereignisse fehlen",
        "definition_drift": "Ereignisse brechen ihre Definition",
    },
    {
        "spike": "{events} Ereignisse vom {begin} bis {end}; üblich sind {usual}.",
        "silence": "{events} Ereignisse vom {begin} bis {end}.",
        "failed_events": "{bad} von {events} Ereignissen schlugen fehl, vom {begin} bis {end}.",
        "reconciliation": "{difference} Ereignisse fehlen nach einer Stufe, vom {begin} bis {end}.",
        "definition_drift": "{bad} von {events} Ereignissen {name} brechen ihre Definition, vom {begin} bis {end}.",
    },
    "Vorbei: {}",
    "Seit {}.",
)
ALERT_WORDS: Mapping[str, AlertWords] = {"en": EN, "de": DE}
