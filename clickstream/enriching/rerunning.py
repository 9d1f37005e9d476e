"""Enriches old rows again with the current lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from itertools import product

import pyarrow as pa
import pyarrow.compute as pc

from clickstream.enriching.loader import Enrichment
from clickstream.enriching.steps import STEPS, Step, current_version
from clickstream.errors import InvalidRequest
from clickstream.model.schema import VERSION_COLUMN
from clickstream.retrying import retry_on_conflict
from clickstream.storage.account import StorageAccount
from clickstream.table.delta import Table
from clickstream.table.enriched import Renewed, renew
from clickstream.table.specs import EVENTS_TABLE


def chosen_steps(names: Sequence[str]) -> tuple[Step, ...]:
    """The steps of these names, in the order of STEPS; all if there are no names. Raise InvalidRequest for others."""
    step_names = [step.name for step in STEPS]
    for name in names:
        if name not in step_names:
            raise InvalidRequest(f"unknown step {name!r}; known are {', '.join(step_names)}")
    return tuple(step for step in STEPS if not names or step.name in names)


def rerun(
    account: StorageAccount,
    containers: tuple[str, str],
    period: tuple[date, date],
    steps: tuple[Step, ...],
    say: Callable[[str], None],
) -> Renewed:
    """Enrich the rows of these dates (both included) again, if the version of a step or a list has changed.

    `containers` are those of the lake and of the operators' documents. Each date is one commit, reported to `say`.
    Commits stay if a later date fails, and the next run continues from there. Raise Unavailable.
    """
    lake, config = containers
    enrichment = Enrichment(account.container(config), steps)
    days = sorted({file.day for file in _open(account, lake).files() if period[0] <= file.day <= period[1]})
    total = Renewed()
    for number, day in enumerate(days, 1):
        counts = _renew(account, lake, day, enrichment, steps)
        total += counts
        say(
            f"{number} of {len(days)}: {day}, {counts.rows} rows in {counts.files} files, "
            f"{counts.rewritten_files} files rewritten, {counts.changed_rows} rows changed"
        )
    return total


def _renew(account: StorageAccount, lake: str, day: date, enrichment: Enrichment, steps: tuple[Step, ...]) -> Renewed:
    def is_current(versions: pa.Table) -> bool:
        pairs = product(*(pc.unique(versions[name]).to_pylist() for name in ("site", VERSION_COLUMN)))
        knowledge = enrichment.knowledge(pc.unique(versions["site"]).to_pylist())
        return all(current_version(before, site, knowledge, steps) == before for site, before in pairs)

    return retry_on_conflict(lambda: renew(_open(account, lake), day, is_current, enrichment.enrich), f"files of {day}")


def _open(account: StorageAccount, lake: str) -> Table:
    return Table.open_or_create(EVENTS_TABLE, account, lake)
