"""Jobs in a site's document: all problems at once, each with its place; and the names of files."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from clickstream.errors import InvalidSite
from clickstream.sites.document import Site, parse_site
from clickstream.sites.exports import EventExport
from clickstream.sites.imports import CsvImport
from clickstream.sites.planning import read_sites
from clickstream.sites.table_imports import SqlImport

TO = {"connection": "partner", "container": "exports", "filename": "shop/{TIMESTAMP}"}
DUE = datetime(2026, 10, 25, 1, 30, 7, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


def document(*jobs: Any) -> bytes:
    return yaml.safe_dump(
        {"site": "shop", "keys": [{"kind": "public", "key": "shop-web"}], "jobs": list(jobs)}
    ).encode()


def site_with(*jobs: Any) -> Site:
    return parse_site(document(*jobs), expected="shop")


def export(**fields: Any) -> dict[str, Any]:
    return {"name": "events", "export": "events", **fields, "to": {**TO, **fields.get("to", {})}}


def exported(job: dict[str, Any]) -> EventExport:
    (found,) = site_with(job).jobs
    assert isinstance(found, EventExport)
    return found


def problems(*jobs: Any) -> list[str]:
    with pytest.raises(InvalidSite) as error:
        read_sites({"shop": document(*jobs)})
    return [problem.removeprefix("shop.yaml: ") for problem in error.value.problems]


def test_all_problems_of_all_jobs_are_reported_with_their_places() -> None:
    found = problems(
        export(format="xml", to={"connection": "Partner Co", "filename": "../x", "timestamp_format": "yyyy/MM"}),
        {"name": "Big Name", "export": "events"},
        {"name": "b", "export": "people"},
        7,
        export(colour="red", time_zone="Europe/Berlinn"),
    )
    assert [line.split(":")[0] for line in found] == [
        "/jobs/0/to/connection",
        "/jobs/0/to/filename",
        "/jobs/0/to/timestamp_format",
        "/jobs/0/format",
        "/jobs/1/name",
        "/jobs/1/to",
        "/jobs/2",
        "/jobs/3",
        "/jobs/4/time_zone",
        "/jobs/4/colour",
    ]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"keep_updated": {}, "to": {"filename": "events"}}, "/jobs/0/to/filename: needs {TIMESTAMP}"),
        (
            {"keep_updated": {"every": "hour"}, "to": {"timestamp_format": "yyyyMMdd"}},
            "/jobs/0/to/timestamp_format: needs HH: else two runs of every hour have one name",
        ),
        ({"start_date": "2026-03-01", "end_date": "2026-03-01"}, "/jobs/0/end_date: must be after the start date"),
        ({"fields": ["site", "site"]}, "/jobs/0/fields: names a field twice"),
        ({"fields": ["site", "user"]}, "/jobs/0/fields/1: 'user' is no column of events"),
        ({"filters": [["is", "visit:source", ["x"]]]}, "/jobs/0/filters: visit:source needs more than the event"),
        ({"filters": [["is", "person:id", ["x"]]]}, "/jobs/0/filters: person:id needs more than the event"),
        (
            {"filters": [["has_done", ["is", "event:name", ["a"]]]]},
            "/jobs/0/filters: has_done needs more than the event by itself",
        ),
        ({"filters": [["is", "event:colour", ["x"]]]}, "/jobs/0/filters/0/1: unknown dimension 'event:colour'"),
    ],
)
def test_options_that_do_not_fit_are_refused(fields: dict[str, Any], problem: str) -> None:
    (found,) = problems(export(**fields))
    assert found.startswith(problem)


AUDIENCE = {"name": "Buyers", "slug": "buyers", "where": {"did": {"event": "purchase"}, "within": "7d"}}


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, None),
        ({"audience": "buyer"}, "/jobs/0/audience: no audience has the slug 'buyer'; known are buyers"),
        ({"fields": ["traits.", "usr_ids"]}, "/jobs/0/fields/0: 'traits.' is nothing of a member"),
        ({"fields": ["person", "person"]}, "/jobs/0/fields: names a field twice"),
        ({"delimiter": '"'}, "/jobs/0/delimiter: a delimiter is no quote and no end of a line"),
        ({"join": "a\nb"}, "/jobs/0/join: has a control character"),
        ({"changes": "all"}, "/jobs/0/changes: needs `keep_updated`"),
        ({"existing_users": True}, "/jobs/0/existing_users: needs `changes`"),
        ({"fields": ["change"]}, "/jobs/0/fields/0: 'change' is nothing of a member"),
        ({"keep_updated": {}, "to": {**TO, "filename": "all"}}, "/jobs/0/to/filename: needs {TIMESTAMP}"),
        ({"streams": ["web"]}, "/jobs/0/streams: Extra inputs are not permitted"),
    ],
)
def test_options_of_members_that_do_not_fit_are_refused(fields: dict[str, Any], problem: str | None) -> None:
    job = {"name": "members", "export": "members", "audience": "buyers", "to": TO, **fields}
    text = yaml.safe_dump({**yaml.safe_load(document(job)), "audiences": [AUDIENCE]}).encode()
    if problem is None:
        assert parse_site(text, expected="shop").jobs[0].kind == "export-members"
        return
    with pytest.raises(InvalidSite) as error:
        parse_site(text, expected="shop")
    assert error.value.problems[0].startswith(problem), error.value.problems


def test_two_jobs_of_one_name_are_refused() -> None:
    assert problems(export(), export()) == ["/jobs/1/name: a job above is called 'events' already"]


@pytest.mark.parametrize("name", ["a//b", "a/../b", "a./b", "a ", "a\\b", 'a"b', "a\nb", "{TIMESTAMP}{TIMESTAMP}", "/"])
def test_names_that_azure_changes_or_refuses_are_refused(name: str) -> None:
    assert any("/jobs/0/to/filename" in line for line in problems(export(to={"filename": name})))


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({}, "shop/20261025023007.csv"),
        ({"to": {"filename": "/a/b-{TIMESTAMP}", "timestamp_format": "yyyy-MM-dd_HH.mm"}}, "a/b-2026-10-25_02.30.csv"),
        ({"to": {"filename": "x", "compress": "gzip"}}, "x.csv.gz"),
        ({"to": {"filename": "x.csv.gz", "compress": "gzip"}}, "x.csv.gz"),
        ({"to": {"filename": "x.csv"}}, "x.csv"),
        ({"to": {"filename": "x.csv"}, "format": "ndjson"}, "x.csv.ndjson"),
        ({"keep_updated": {"every": "hour"}}, "shop/20261025013007.csv"),
    ],
)
def test_a_file_is_named_by_its_due_time(fields: dict[str, Any], path: str) -> None:
    job = exported(export(**fields))
    assert job.path(DUE, BERLIN) == path


def test_hours_that_are_there_twice_have_two_names() -> None:
    job = exported(export(keep_updated={"every": "hour"}, to={"timestamp_format": "yyyyMMddHH"}))
    night = [datetime(2026, 10, 25, hour, tzinfo=UTC) for hour in range(4)]
    assert len({job.path(due, BERLIN) for due in night}) == 4


def test_an_own_extension_is_kept_before_the_number() -> None:
    job = exported(export(to={"filename": "x.csv.gz", "compress": "gzip"}))
    assert job.path(DUE, BERLIN, part=12) == "x-0012.csv.gz"


SOURCE = {"connection": "crm", "container": "in-files", "file": "crm/customers-20260301.csv"}


def csv_import(**fields: Any) -> dict[str, Any]:
    return {"name": "crm", "import": "csv", "stream": "crm", **fields, "from": {**SOURCE, **fields.get("from", {})}}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"event": "a", "event_field": "b"}, "event"),
        ({"keep_updated": {}, "from": {"file": "crm/customers.csv"}}, "from/file"),
        ({"timestamp_format": "yyyy"}, "timestamp_format"),
        ({"diff": True}, "diff"),
        ({"fields": ["a", "a"]}, "fields"),
        ({"max_bad_rows": 2.0}, "max_bad_rows"),
        ({"map": {"colour": "a"}}, "map/colour/[key]"),
        ({"from": {"prefix": "("}}, "from/prefix"),
        ({"from": {"delimiter": '"'}}, "from/delimiter"),
        ({"from": {"encoding": "utf-7"}}, "from/encoding"),
        ({"stream": "Big Stream"}, "stream"),
    ],
)
def test_options_of_imports_that_do_not_fit_are_refused(fields: dict[str, Any], place: str) -> None:
    (found,) = problems(csv_import(**fields))
    assert found.startswith(f"/jobs/0/{place}: ")


TABLE = {"connection": "erp", "table": "sales.orders", "timestamp_column": "changed"}


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"event": "a", "event_field": "b"}, "event"),
        ({"fields": ["a", "a"]}, "fields"),
        ({"map": {"colour": "a"}}, "map/colour/[key]"),
        ({"diff": True}, "diff"),
        ({"from": {"table": "a.b.c"}}, "from/table"),
        ({"from": {"timestamp_column": ""}}, "from/timestamp_column"),
        ({"from": {"since": "2026-02-30 00:00:00"}}, "from/since"),
        ({"from": {"since": "yesterday"}}, "from/since"),
        ({"from": {"key": ["a", "a"]}}, "from/key"),
        ({"from": {"column_time_zone": "Europe/Berlinn"}}, "from/column_time_zone"),
        ({"from": {"query_timeout_minutes": 9}}, "from/query_timeout_minutes"),
        ({"from": {"rows_per_pass": 0}}, "from/rows_per_pass"),
        ({"from": {"password": "x"}}, "from/password"),
    ],
)
def test_options_of_tables_that_do_not_fit_are_refused(fields: dict[str, Any], place: str) -> None:
    (found,) = problems({"name": "orders", "import": "sql", **fields, "from": {**TABLE, **fields.get("from", {})}})
    assert found.startswith(f"/jobs/0/{place}: ")


def test_an_unquoted_moment_is_the_moment_as_it_is_written() -> None:
    text = document({"name": "orders", "import": "sql", "from": {**TABLE, "since": "SINCE"}})
    (job,) = parse_site(text.replace(b"SINCE", b"2026-01-01 00:00:00"), expected="shop").jobs
    assert isinstance(job, SqlImport) and job.source.since == "2026-01-01 00:00:00"


@pytest.mark.parametrize(("text", "delimiter"), [("t", "\t"), ("tab", "\t"), (";", ";"), ("|,", "|"), ("\t", "\t")])
def test_the_delimiter_is_the_first_character(text: str, delimiter: str) -> None:
    (job,) = site_with(csv_import(**{"from": {"delimiter": text}})).jobs
    assert isinstance(job, CsvImport) and job.source.delimiter == delimiter
