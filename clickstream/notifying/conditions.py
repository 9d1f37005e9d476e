"""When an incident begins and when it is over, from numbers alone. docs/notices.md has the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import median
from typing import Any, Literal

from clickstream.sites.alerts import Alert, Condition

# An incident is over after so many looks in a row at which its condition is calm.
CALM_LOOKS = 2
# Part of the threshold below which a spike is calm, and of the share and the number below which the others are.
CALM_SPIKE, CALM_PART = 0.8, 0.5

Turn = Literal["began", "ended"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look at the numbers shows. Between `begins` and `is_calm` nothing changes. `facts` are for the message."""

    begins: bool
    is_calm: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """A condition over time: the end of the hour of the last look, since when an incident is on, and calm looks since.

    With another condition it begins anew.
    """

    alert: Condition
    looked_at: datetime | None = None
    since: datetime | None = None
    calm_looks: int = 0


def after_look(watch: Watch, hour_end: datetime, finding: Finding) -> tuple[Watch, Turn | None]:
    """The watch after a look at a later hour, and whether an incident began or ended."""
    watch = replace(watch, looked_at=hour_end)
    if watch.since is None:
        return (replace(watch, since=hour_end, calm_looks=0), "began") if finding.begins else (watch, None)
    calm = watch.calm_looks + 1 if finding.is_calm else 0
    if calm < CALM_LOOKS:
        return replace(watch, calm_looks=calm), None
    return replace(watch, since=None, calm_looks=0), "ended"


def spike(job: Alert, events: int, before: Sequence[int]) -> Finding:
    """`before` are the numbers of the same hour in each of the weeks before."""
    usual = median(before)
    threshold = max(job.times * usual, job.at_least)
    return Finding(events >= threshold, events < CALM_SPIKE * threshold, {"events": events, "usual": usual})


def silence(events: int, earlier: int) -> Finding:
    """`events` of the last hours, and those of the week before them."""
    return Finding(events == 0 and earlier > 0, events > 0, {"events": events})


def failed_events(job: Alert, failed: int, compacted: int) -> Finding:
    """Events of one hour that failed, and those that did not."""
    return _of_shares(job, [("", failed + compacted, failed)])


def reconciliation(difference: int) -> Finding:
    """Events that are missing after a stage."""
    return Finding(difference > 0, difference == 0, {"difference": difference})


def definition_drift(job: Alert, definitions: Iterable[tuple[str, int, int]]) -> Finding:
    """For each version of a definition its name, events, and how many of them violate it."""
    return _of_shares(job, definitions)


def _of_shares(job: Alert, groups: Iterable[tuple[str, int, int]]) -> Finding:
    """Whether the bad events of a group are many, and a large share. The facts are those of the group with most."""
    found = [(bad, all_, name) for name, all_, bad in groups]

    def is_over(part: float) -> bool:
        return any(bad >= part * job.at_least and bad >= part * job.share * all_ for bad, all_, _ in found)

    bad, all_, name = max(found, default=(0, 0, ""))
    return Finding(is_over(1), not is_over(CALM_PART), {"bad": bad, "events": all_, "name": name})
