"""The export of an audience's members, or of its changes; docs/jobs.md lists the fields of a member."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from clickstream.errors import Unavailable
from clickstream.exporting.member_values import MemberValues
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.work import ActiveRun, Done
from clickstream.model.audience_tables import LAST_CHANGE
from clickstream.querying.audiences.formula import with_needed
from clickstream.querying.audiences.question import Question
from clickstream.querying.database import tables_beside
from clickstream.querying.goals import scope_of
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.querying.statement import Statement
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.sites.member_exports import OF_CHANGE, OF_MEMBERSHIP, TRAIT, MemberExport
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import read_progress
from clickstream.table.delta import Table
from clickstream.table.reading import TableReader
from clickstream.table.specs import (
    AUDIENCE_CHANGES_TABLE,
    EVENTS_TABLE,
    IDENTITIES_TABLE,
    PROFILES_TABLE,
    TableSpec,
)

BATCH_ROWS = 16_384
# Visits begin before their events, and days are those of UTC.
PADDING = timedelta(days=2)
# How often the lease is kept while the database looks for the members.
WAIT_SECONDS = 5


class Members:
    """The members of audiences of sites."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._account, self._settings, self._now = account, settings, now

    def begin(self, run: ActiveRun) -> Mapping[str, Any]:
        """The moment of membership, up to which the table is complete; or which changes, see `MemberChanges`."""
        assert isinstance(run.job, MemberExport)
        if run.job.changes != "none":
            table = Table.open(AUDIENCE_CHANGES_TABLE, self._account, self._settings.lake_container)
            last = 0 if table is None else table.application_version(LAST_CHANGE) or 0
            return {"audience": run.job.audience, "changes": [run.state.position.get("change"), last]}
        complete_until = read_progress(self._account.container(self._settings.lake_container)).complete_until
        return {"audience": run.job.audience, "evaluated_at": (complete_until or self._now()).isoformat()}

    def rows(self, run: ActiveRun, scope: Mapping[str, Any]) -> MemberRows:
        """The members at that moment."""
        assert isinstance(run.job, MemberExport)
        site = scope_of(Access(run.site, KeyKind.READ))
        if run.job.audience not in site.audiences:
            raise JobFailed(Actor.AUTHOR, "job_definition", f"the site has no audience {run.job.audience!r}")
        wanted: Wanted
        if "changes" in scope:
            wanted = MemberChanges(site.site_id, run.job, *scope["changes"])
        else:
            wanted = CurrentMembers(site, run.job, datetime.fromisoformat(scope["evaluated_at"]))
        return MemberRows(self._account, self._settings, site.site_id, run.job, wanted)

    def done(self, run: ActiveRun, scope: Mapping[str, Any]) -> Done:
        """The next run has all members again, or the changes after these."""
        if "changes" in scope:
            return Done(position={"change": scope["changes"][1]}, scope=scope)
        return Done(position={"evaluated_at": scope["evaluated_at"]}, scope=scope)


class Wanted(Protocol):
    """Which rows an export of members has."""

    @property
    def mark(self) -> str:
        """The column that the rows are in the order of, different in each."""

    @property
    def tables(self) -> Sequence[tuple[TableSpec, date | None]]:
        """The tables that are read, in this order, and the first date of their rows; None: from the first on."""

    def statement(self, fields: Sequence[str], after: str | None) -> Statement:
        """The rows after the one of this mark, over the site's rows of these tables."""


class CurrentMembers:
    """Everybody who is a member at one moment."""

    mark = "person"

    def __init__(self, site: SiteScope, job: MemberExport, until: datetime) -> None:
        self._site, self._job, self._until = site, job, until

    @property
    def tables(self) -> Sequence[tuple[TableSpec, date | None]]:
        """What is derived comes first, so that it is not newer than what it is derived from."""
        statement, period = self._statement((), None)
        beside = [(spec, None) for spec in tables_beside(EVENTS_TABLE, statement.sql)]
        return [*beside, (EVENTS_TABLE, (period.begin - PADDING).date())]

    def statement(self, fields: Sequence[str], after: str | None) -> Statement:
        """The members after this person."""
        return self._statement(fields, after)[0]

    def _statement(self, fields: Sequence[str], after: str | None) -> tuple[Statement, Period]:
        return members_statement(self._site, self._job.audience, fields, self._until, after)


class MemberChanges:
    """The changes with numbers after `after`, up to `last`; in a job's first run, `after` is None.

    The first run has no changes: all members of its moment or, unless `existing_users`, nothing.
    """

    mark = "seq"
    tables = ((AUDIENCE_CHANGES_TABLE, None), (PROFILES_TABLE, None), (IDENTITIES_TABLE, None))

    def __init__(self, site_id: str, job: MemberExport, after: int | None, last: int) -> None:
        self._site_id, self._job, self._after, self._last = site_id, job, after, last

    def statement(self, fields: Sequence[str], after: str | None) -> Statement:
        """The changes after the one of this number."""
        is_first = self._after is None
        first = self._after if self._after is not None else 0 if self._job.existing_users else self._last
        latest = "\n    QUALIFY row_number() OVER (PARTITION BY person ORDER BY seq DESC) = 1" if is_first else ""
        kinds = "kind <> 'exit'" if is_first or self._job.changes == "enters" else "true"
        news = "true" if is_first else "reason <> 'existing'"
        columns = ["seq", "person", "members.is_known", "exit_at AS changes_at", "changed_at", "entered_at"]
        columns += [_USERS, _DEVICES, "CASE kind WHEN 'exit' THEN 'exit' ELSE 'enter' END AS change"]
        columns += [f"profiles.{column}" for column in profile_columns(fields)]
        sql = (
            f"WITH {_IDS},\nmembers AS (\n    SELECT * FROM audience_changes\n"
            f"    WHERE site = $site AND audience = $audience AND seq > $first AND seq <= $last{latest}\n)\n"
            f"SELECT {', '.join(columns)}\n"
            f"FROM members LEFT JOIN ids_of USING (person) LEFT JOIN profiles USING (person)\n"
            f"WHERE {kinds} AND {news} AND seq > $after\nORDER BY seq"
        )
        parameters: dict[str, str | int] = {"site": self._site_id, "audience": self._job.audience}
        return Statement(sql, {**parameters, "first": first, "last": self._last, "after": int(after or 0)})


class MemberRows:
    """The rows of one run. Raise as `exports.Rows`."""

    def __init__(
        self, account: StorageAccount, settings: Settings, site_id: str, job: MemberExport, wanted: Wanted
    ) -> None:
        self._account, self._settings, self._site_id, self._job, self._wanted = account, settings, site_id, job, wanted
        self._fields = job.fields or job.known_fields
        self._values = MemberValues(job, self._fields)

    @property
    def schema(self) -> pa.Schema:
        """The columns of the batches."""
        return self._values.schema

    @property
    def delimiter(self) -> str:
        """What separates columns of CSV."""
        return self._job.delimiter

    @property
    def counts(self) -> Mapping[str, int]:
        """`ambiguous_values`: values in lists that contain what joins them."""
        return {"ambiguous_values": self._values.ambiguous} if self._values.ambiguous else {}

    def pieces(self, after: str | None, renew: Callable[[], None]) -> Iterator[tuple[str, Iterable[pa.RecordBatch]]]:
        """Some rows at a time, with the mark of the last one."""
        statement = self._wanted.statement(self._fields, after)
        connection = duckdb.connect(
            config={
                "memory_limit": f"{self._settings.query_memory_mb}MB",
                "max_temp_directory_size": f"{self._settings.query_spill_mb}MB",
                "temp_directory": str(Path(tempfile.gettempdir()) / f"clickstream-members-{os.getpid()}"),
                "threads": 1,
                "python_enable_replacements": False,
            }
        )
        try:
            connection.execute("SET TimeZone = 'UTC'")
            for spec, first in self._wanted.tables:
                self._show(connection, spec, first)
            found = connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_reader(BATCH_ROWS)
            for batch in _waited(found, connection, renew):
                if batch.num_rows:
                    yield str(batch[self._wanted.mark][-1].as_py()), [self._values.of(batch)]
        except duckdb.OutOfMemoryException as error:
            message = "the members need more memory than QUERY_MEMORY_MB and QUERY_SPILL_MB allow"
            raise JobFailed(Actor.OPERATOR, "too_large", message) from error
        except (OSError, duckdb.IOException) as error:
            raise Unavailable(f"the tables of members cannot be read: {error}") from error
        finally:
            connection.close()

    def _show(self, connection: duckdb.DuckDBPyConnection, spec: TableSpec, first: date | None) -> None:
        """The site's rows of a table from this date on, under the table's name."""
        reader = TableReader(spec, self._account, self._settings.lake_container)
        files = [f for f in reader.snapshot().of_site(self._site_id) if first is None or f.day >= first]
        own = ds.field("site") == pa.scalar(self._site_id)
        connection.register(spec.name, reader.dataset_of(files).filter(own))


def _waited(
    found: Iterator[pa.RecordBatch], connection: duckdb.DuckDBPyConnection, renew: Callable[[], None]
) -> Iterator[pa.RecordBatch]:
    """The batches. Keeps the lease during the wait for each. Raise Conflict once another process has taken over."""
    with ThreadPoolExecutor(1, thread_name_prefix="members") as thread:
        try:
            while True:
                batch = thread.submit(next, found, None)
                while not wait([batch], WAIT_SECONDS).done:
                    renew()
                if (rows := batch.result()) is None:
                    return
                yield rows
        except BaseException:
            connection.interrupt()
            raise


def members_statement(
    site: SiteScope, slug: str, fields: Sequence[str], until: datetime, after: str | None
) -> tuple[Statement, Period]:
    """The statement whose rows are the audience's members after this one, in order, and the period of the events that
    it needs. It reads the relation `events` of the site, and `tables_beside` it.
    """
    question = Question(site, with_needed(site.audiences, [slug]), until)
    names = question.names(slug)
    columns = ["person", "members.is_known", f"make_timestamptz({names.changes}) AS changes_at", _USERS, _DEVICES]
    columns += [f"profiles.{column}" for column in profile_columns(fields)]
    where = names.holds if after is None else f"{names.holds} AND person > {question.bind(after)}"
    select = (
        f"SELECT {', '.join(columns)}\nFROM members LEFT JOIN ids_of USING (person) LEFT JOIN profiles USING (person)\n"
        f"WHERE {where}\nORDER BY person"
    )
    return question.statement(select, _IDS), question.period


def profile_columns(fields: Iterable[str]) -> Sequence[str]:
    """The columns of `profiles` that these fields need, each once."""
    needed = dict.fromkeys("traits" if field.startswith(TRAIT) else field for field in fields)
    return [field for field in needed if field not in (*OF_CHANGE, *OF_MEMBERSHIP)]


_IDS = """ids_of AS (
    SELECT person, list(DISTINCT id ORDER BY id) FILTER (kind = 'user') AS users_of,
        list(DISTINCT id ORDER BY id) FILTER (kind = 'device') AS devices_of
    FROM identities
    WHERE kind IN ('user', 'device') AND person IS NOT NULL
    GROUP BY person
)"""
# Whoever is not in `identities` is the one id that the events have.
_USERS = "coalesce(users_of, CASE WHEN members.is_known THEN [person] ELSE [] END) AS user_ids"
_DEVICES = "coalesce(devices_of, CASE WHEN members.is_known THEN [] ELSE [person] END) AS device_ids"
