"""Old rows enriched again, by the lists of today."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.enriching.steps import STEPS, Step, current_version
from clickstream.errors import Conflict, InvalidRequest, Unavailable
from clickstream.lake.enriched_table import Renewed, open_enriched
from clickstream.lake.enrichment_files import Enrichment
from clickstream.lake.schema import VERSION_COLUMN
from clickstream.lake.storage import StorageAccount

TRIES_AFTER_CONFLICT = 20


def chosen_steps(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps of these names, in their order; all for no name. Raise InvalidRequest for an unknown one."""
    known = [step.name for step in STEPS]
    for name in names:
        if name not in known:
            raise InvalidRequest(f"unknown step {name!r}; known are {', '.join(known)}")
    return tuple(step for step in STEPS if not names or step.name in names)


def rerun(
    account: StorageAccount,
    containers: tuple[str, str],
    period: tuple[date, date],
    steps: tuple[Step, ...],
    say: Callable[[str], None],
) -> Renewed:
    """Enrich the rows of these dates, both included, again where a step or a list has another version than theirs.

    `containers` are those of the lake and of the operators' documents. Each date is one commit, told to `say`; what is
    committed stays when a later date fails. Run again, it goes on where it was. Raise Unavailable.
    """
    lake, config = containers
    enrichment = Enrichment(account.container(config), steps)
    days = sorted({file.day for file in open_enriched(account, lake).files() if period[0] <= file.day <= period[1]})
    total = Renewed()
    for number, day in enumerate(days, 1):
        done = _renew(account, lake, day, enrichment, steps)
        total += done
        say(
            f"{number} of {len(days)}: {day}, {done.rows} rows in {done.files} files, {done.rewritten_files} files "
            f"written anew, {done.changed_rows} rows changed"
        )
    return total


def _renew(account: StorageAccount, lake: str, day: date, enrichment: Enrichment, steps: tuple[Step, ...]) -> Renewed:
    def is_current(told: pa.Table) -> bool:
        pairs = product(*(pc.unique(told[name]).to_pylist() for name in ("site", VERSION_COLUMN)))
        knowledge = enrichment.knowledge(pc.unique(told["site"]).to_pylist())
        return all(current_version(before, site, knowledge, steps) == before for site, before in pairs)

    for _ in range(TRIES_AFTER_CONFLICT):
        try:
            return open_enriched(account, lake).renew(day, is_current, enrichment.enrich)
        except Conflict:
            continue
    raise Unavailable(f"others rewrote files of {day} {TRIES_AFTER_CONFLICT} times")
