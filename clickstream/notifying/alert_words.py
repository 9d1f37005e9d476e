"""The texts of alerts in each language. Their formats take the facts of a finding, and `begin` and `end`.

`{events:event|events}` is the first word if the fact `events` is 1, else the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clickstream.sites.alerts import Condition


class Fact(str):
    """A fact as text. A format of two words, divided by `|`, chooses the one that fits it."""

    __slots__ = ()

    def __format__(self, words: str) -> str:
        if not words:
            return str(self)
        one, _, many = words.partition("|")
        return one if self == "1" else many


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
        "spike": "{events} {events:event|events} from {begin} to {end}; {usual} {usual:is|are} usual.",
        "silence": "{events} {events:event|events} from {begin} to {end}.",
        "failed_events": "{bad} of {events} {events:event|events} failed from {begin} to {end}.",
        "reconciliation": "{difference} {difference:event is|events are} missing after a stage, from {begin} to {end}.",
        "definition_drift": "{bad} of {events} {events:event|events} {name} "
        "{bad:violates its|violate their} definition, from {begin} to {end}.",
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
        "spike": "{events} {events:Ereignis|Ereignisse} vom {begin} bis {end}; üblich {usual:ist|sind} {usual}.",
        "silence": "{events} {events:Ereignis|Ereignisse} vom {begin} bis {end}.",
        "failed_events": "{bad} von {events} {events:Ereignis|Ereignissen} {bad:schlug|schlugen} fehl, "
        "vom {begin} bis {end}.",
        "reconciliation": "{difference} {difference:Ereignis fehlt|Ereignisse fehlen} nach einer Stufe, "
        "vom {begin} bis {end}.",
        "definition_drift": "{bad} von {events} {events:Ereignis|Ereignissen} {name} "
        "{bad:bricht seine|brechen ihre} Definition, vom {begin} bis {end}.",
    },
    "Vorbei: {}",
    "Seit {}.",
)
ALERT_WORDS: Mapping[str, AlertWords] = {"en": EN, "de": DE}
