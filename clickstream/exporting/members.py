"""The export of an audience's members, as of one moment: docs/jobs.md says what is known of a member."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds

from clickstream.errors import Unavailable
from clickstream.exporting.member_values import MemberValues
from clickstream.jobs.failing import Actor, JobFailed
from clickstream.jobs.work import ActiveRun, Done
from clickstream.querying.audiences.formula import with_needed
from clickstream.querying.audiences.membership import longest_window, members
from clickstream.querying.audiences.reading import persons_of
from clickstream.querying.conditions import Parameters
from clickstream.querying.goals import scope_of
from clickstream.querying.period import Period
from clickstream.querying.scope import SiteScope
from clickstream.querying.sequences.streams import finished
from clickstream.querying.statement import Statement
from clickstream.settings import Settings
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind
from clickstream.sites.member_exports import MEMBER_FIELDS, TRAIT, MemberExport
from clickstream.storage.account import StorageAccount
from clickstream.storage.progress import read_progress
from clickstream.table.reading import TableReader
from clickstream.table.specs import EVENTS_TABLE, IDENTITIES_TABLE, TableSpec

BATCH_ROWS = 16_384
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
# Visits begin before their events, and days are those of UTC.
PADDING = timedelta(days=2)
# How often the lease is kept while the database looks for the members.
WAIT_SECONDS = 5
# Fields that need all events of the member; the others need those in the longest window of the audience.
OF_ALL_EVENTS = frozenset({"first_seen_at", "last_seen_at", "traits"})


class Members:
    """The members of audiences of sites."""

    def __init__(self, account: StorageAccount, settings: Settings, now: Callable[[], datetime]) -> None:
        self._account, self._settings, self._now = account, settings, now

    def begin(self, run: ActiveRun) -> Mapping[str, Any]:
        """The moment of membership: the one up to which the table is complete."""
        assert isinstance(run.job, MemberExport)
        complete_until = read_progress(self._account.container(self._settings.lake_container)).complete_until
        return {"audience": run.job.audience, "evaluated_at": (complete_until or self._now()).isoformat()}

    def rows(self, run: ActiveRun, scope: Mapping[str, Any]) -> MemberRows:
        """The members at that moment."""
        assert isinstance(run.job, MemberExport)
        site = scope_of(Access(run.site, KeyKind.READ))
        if run.job.audience not in site.audiences:
            raise JobFailed(Actor.AUTHOR, "job_definition", f"the site has no audience {run.job.audience!r}")
        return MemberRows(self._account, self._settings, site, run.job, datetime.fromisoformat(scope["evaluated_at"]))

    def done(self, run: ActiveRun, scope: Mapping[str, Any]) -> Done:
        """The next run has all members again."""
        return Done(position={"evaluated_at": scope["evaluated_at"]}, scope=scope)


class MemberRows:
    """The members of one run, in the order of their names. Raise as `exports.Rows`."""

    def __init__(
        self, account: StorageAccount, settings: Settings, site: SiteScope, job: MemberExport, until: datetime
    ) -> None:
        self._account, self._settings, self._site, self._job, self._until = account, settings, site, job, until
        self._fields = job.fields or MEMBER_FIELDS
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
        """Some members at a time, each with the name of its last one."""
        statement, first = members_statement(self._site, self._job.audience, self._fields, self._until, after)
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
            # What is derived is read first, so that it is not newer than what it is derived from.
            self._show(connection, IDENTITIES_TABLE, None)
            self._show(connection, EVENTS_TABLE, first)
            found = connection.sql(statement.sql, params=dict(statement.parameters)).to_arrow_reader(BATCH_ROWS)
            for batch in _waited(found, connection, renew):
                if batch.num_rows:
                    yield batch["person"][-1].as_py(), [self._values.of(batch)]
        except duckdb.OutOfMemoryException as error:
            message = "the members need more memory than QUERY_MEMORY_MB and QUERY_SPILL_MB allow"
            raise JobFailed(Actor.OPERATOR, "too_large", message) from error
        except (OSError, duckdb.IOException) as error:
            raise Unavailable(f"the table {EVENTS_TABLE.name} cannot be read: {error}") from error
        finally:
            connection.close()

    def _show(self, connection: duckdb.DuckDBPyConnection, spec: TableSpec, first: date | None) -> None:
        """The site's rows of a table from this date on, under the table's name."""
        reader = TableReader(spec, self._account, self._settings.lake_container)
        files = [f for f in reader.snapshot().of_site(self._site.site_id) if first is None or f.day >= first]
        own = ds.field("site") == pa.scalar(self._site.site_id)
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
) -> tuple[Statement, date | None]:
    """The statement whose rows are the audience's members after this one, in order; and the first date of events that
    it needs, None for all. It reads the relations `events` and `identities` of the site.
    """
    audiences = with_needed(site.audiences, [slug])
    since = max(BEGINNING, until - longest_window(audiences))
    of_all = any(field in OF_ALL_EVENTS or field.startswith(TRAIT) for field in fields)
    parameters = Parameters(site, Period(BEGINNING if of_all else since, until + timedelta(microseconds=1)))
    recent = f"SELECT * FROM persons WHERE occurred_at >= CAST({parameters.bind(since.isoformat())} AS TIMESTAMPTZ)"
    parts = [
        persons_of(audiences, parameters),
        f"recent AS NOT MATERIALIZED (\n    {recent}\n)",
        members(audiences, until, parameters, "recent"),
        _IDS,
        *([_SEEN, _TRAITS] if of_all else []),
    ]
    columns = ["person", "is_known", f"make_timestamptz(changes_{len(audiences) - 1}) AS changes_at", _USERS, _DEVICES]
    columns += ["first_seen_at", "last_seen_at", "traits"] if of_all else []
    joined = ["ids_of", *(["first_and_last", "traits_of"] if of_all else [])]
    sql = "\n".join(
        [
            "WITH " + ",\n".join(parts),
            "SELECT " + ", ".join(columns),
            "FROM members " + " ".join(f"LEFT JOIN {relation} USING (person)" for relation in joined),
            f"WHERE member_{len(audiences) - 1}"
            + (f" AND person > {parameters.bind(after)}" if after is not None else ""),
            "ORDER BY person",
        ]
    )
    return finished(sql, parameters), None if of_all else (since - PADDING).date()


_IDS = """ids_of AS (
    SELECT person, list(DISTINCT id ORDER BY id) FILTER (kind = 'user') AS users,
        list(DISTINCT id ORDER BY id) FILTER (kind = 'device') AS devices_of
    FROM identities
    WHERE kind IN ('user', 'device') AND person IS NOT NULL
    GROUP BY person
)"""
# Whoever is not in `identities` is the one id that the events have.
_USERS = "coalesce(users, CASE WHEN is_known THEN [person] ELSE [] END) AS user_ids"
_DEVICES = "coalesce(devices_of, CASE WHEN is_known THEN [] ELSE [person] END) AS devices"
_SEEN = """first_and_last AS (
    SELECT person, min(occurred_at) AS first_seen_at, max(occurred_at) AS last_seen_at
    FROM persons
    WHERE person IS NOT NULL
    GROUP BY person
)"""
_TRAITS = """traits_of AS (
    SELECT person, json_group_object(key, value) AS traits
    FROM (
        SELECT person, trait.key AS key, arg_max(trait.value, (occurred_at, event_id)) AS value
        FROM (
            SELECT person, occurred_at, event_id, properties
            FROM persons
            WHERE person IS NOT NULL AND event_type = 'identify' AND json_type(properties) = 'OBJECT'
        ) AS identified, json_each(properties) AS trait
        WHERE trait.value NOT IN ('null', '""')
        GROUP BY person, trait.key
    )
    GROUP BY person
)"""
