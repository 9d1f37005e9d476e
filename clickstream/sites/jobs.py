"""The part of a site's document with jobs: exports, imports, mails and alerts, once or on a schedule."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, PlainValidator

from clickstream.problems import refuse
from clickstream.sites.alerts import OPTIONS, Alert
from clickstream.sites.exports import EventExport
from clickstream.sites.imports import CsvImport
from clickstream.sites.limits import Few
from clickstream.sites.member_exports import MemberExport
from clickstream.sites.notices import Summary
from clickstream.sites.table_imports import SqlImport

AnyKind = EventExport | MemberExport | CsvImport | SqlImport | Summary | Alert
KINDS: dict[tuple[str, str], type[AnyKind]] = {
    ("export", "events"): EventExport,
    ("export", "members"): MemberExport,
    ("import", "csv"): CsvImport,
    ("import", "sql"): SqlImport,
    ("send", "summary"): Summary,
    **{("alert", condition): Alert for condition in OPTIONS},
}


def _read_job(value: object) -> AnyKind:
    if isinstance(value, AnyKind):
        return value
    if not isinstance(value, dict):
        raise ValueError("must be a mapping")
    for (direction, what), kind in KINDS.items():
        if value.get(direction) == what:
            return kind.model_validate(value)
    known = " or ".join(f"`{direction}: {what}`" for direction, what in KINDS)
    raise ValueError(f"needs {known}")


Job = Annotated[AnyKind, PlainValidator(_read_job, json_schema_input_type=AnyKind)]


def _own_names(jobs: tuple[AnyKind, ...]) -> tuple[AnyKind, ...]:
    names = [job.name for job in jobs]
    refuse(
        ((index, "name"), f"a job above is called {name!r} already")
        for index, name in enumerate(names)
        if name in names[:index]
    )
    return jobs


Jobs = Annotated[tuple[Job, ...], Few, AfterValidator(_own_names)]
