"""Imports of CSV from a real container to real tables: each row once, bad rows kept, every option."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clickstream.importing.csv_files import Pace
from clickstream.importing.mapping import BadRow, RowMapper
from clickstream.jobs.failing import Actor
from clickstream.jobs.runner import JobRunner
from clickstream.sites.document import Site
from clickstream.sites.imports import CsvImport
from clickstream.storage.blobs import Container
from local.azurite import Azurite
from tests.integration.jobs.dying import DyingSpill
from tests.integration.jobs.erasing import erase_jane
from tests.integration.jobs.world import DAILY, NOW, World, csv_import, export, site_with

pytestmark = pytest.mark.integration
FIRST = "crm/customers-20260301.csv"


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def imported(world: World, site: Site) -> Any:
    run = world.run(site, "crm")
    assert run is not None, world.state(site, "crm")
    return run


def failures(world: World) -> list[dict[str, Any]]:
    return sorted(world.lake.rows("failed_events"), key=lambda row: str(row["message"]))


def test_rows_become_events(world: World) -> None:
    world.put(FIRST, b"customer_no,plan,city,note\n17,pro,Z\xc3\xbcrich,\n18,,Bern,x\n")
    ended = imported(world, site_with(csv_import(map={"user_id": "customer_no"}, fields=["plan", "city"])))
    assert (ended.outcome, ended.counts["rows"], ended.counts["failed"]) == ("succeeded", 2, 0)
    first, second = sorted(world.taken_in(), key=lambda row: str(row["properties"]), reverse=True)
    assert (first["event_name"], first["stream"], first["key_kind"]) == ("crm", "crm", "import")
    assert (first["user_id"], first["user_verified"]) == ("17", True)
    assert json.loads(first["properties"]) == {"plan": "pro", "city": "Zürich"}
    assert json.loads(second["properties"]) == {"city": "Bern"}
    assert first["occurred_at"] == NOW, "the time of the import"
    assert world.state(site_with(csv_import()), "crm").status == "done"


def test_imported_again_a_file_adds_nothing(world: World) -> None:
    world.put(FIRST, b"customer_no\n17\n18\n")
    site = site_with(csv_import(timestamp_field=None))
    imported(world, site)
    before = world.taken_in()
    world.runner().ask(site, site.jobs[0])
    assert imported(world, site).counts["rows"] == 2
    assert [row["event_id"] for row in world.taken_in()] == [row["event_id"] for row in before]


def test_what_is_exported_can_be_imported_and_again_adds_nothing(world: World) -> None:
    world.commit("a", "b", page_url="https://shop.example/a", properties='{"price": 9.5, "tags": ["x"]}')
    fields = ["event_id", "event_name", "occurred_at", "page_url", "properties"]
    world.ended(site_with(export(fields=fields, to={"filename": "out", "compress": "gzip"})))
    copy = csv_import(
        **{"from": {"file": "out.csv.gz"}},
        event_field="event_name",
        timestamp_field="occurred_at",
        event_id=["event_id"],
        fields=["event_id"],
        map={"page_url": "page_url", "properties": "properties"},
    )
    for _ in range(2):
        site = site_with(copy)
        world.runner().ask(site, site.jobs[0])
        assert imported(world, site).outcome == "succeeded"
        rows = [row for row in world.taken_in() if row["stream"] == "crm"]
        found = [(row["occurred_at"], row["event_name"], row["page_path"], row["properties"]) for row in rows]
        assert [(moment, name, path) for moment, name, path, _ in found] == [
            (datetime(2026, 3, 10, 12, tzinfo=UTC), "page_view", "/a")
        ] * 2
        assert sorted(json.loads(text)["event_id"] for *_, text in found) == ["a", "b"]
        assert json.loads(found[0][3])["price"] == 9.5


def test_times_names_delimiter_and_encoding(world: World) -> None:
    text = "Ereignis;Wann;Größe\nkauf;2026-03-01 02:30;XL\nretoure;2026-03-02 12:00;M\n"
    world.put(FIRST, text.encode("utf-16"))
    job = csv_import(
        **{"from": {"delimiter": ";ignored"}}, event_field="Ereignis", timestamp_field="Wann", time_zone="Europe/Berlin"
    )
    imported(world, site_with(job))
    assert [(row["event_name"], row["occurred_at"], row["properties"]) for row in world.taken_in()] == [
        ("kauf", datetime(2026, 3, 1, 1, 30, tzinfo=UTC), '{"Größe":"XL"}'),
        ("retoure", datetime(2026, 3, 2, 11, 0, tzinfo=UTC), '{"Größe":"M"}'),
    ]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("2026-03-01T02:30:00Z", None),
        ("2026-03-01T03:30:00+01:00", None),
        ("2026-03-01 02:30", None),
        ("1772332200", None),
        ("1772332200000", None),
        ("20260301T023000Z", None),
        ("2026-03-01T02:30:00.0000000Z", None),
        ("202603010230", "yyyyMMddHHmm"),
        ("2026.03.01_02.30", "yyyy.MM.dd_HH.mm"),
    ],
)
def test_forms_of_times(text: str, form: str | None) -> None:
    fields = {} if form is None else {"timestamp_format": form}
    (job,) = site_with(csv_import(timestamp_field="t", **fields)).jobs
    assert isinstance(job, CsvImport)
    mapper = RowMapper(job, "shop", ["t"], FIRST, ZoneInfo("UTC"), NOW)
    assert mapper.event([text], 2)["created_at"] == "2026-03-01T02:30:00+00:00"


@pytest.mark.parametrize(
    "text",
    [
        "", "never", "202603010230", "20260301023000", "177233220", "1772332200.5", "-1772332200",
        "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-10:00", "10000-01-01",
    ],
)  # fmt: skip
def test_what_is_no_time_is_never_taken_for_one(text: str) -> None:
    (job,) = site_with(csv_import(timestamp_field="t")).jobs
    assert isinstance(job, CsvImport)
    mapper = RowMapper(job, "shop", ["t"], FIRST, ZoneInfo("UTC"), NOW)
    with pytest.raises(BadRow, match="t: is no time"):
        mapper.event([text], 2)


def test_rows_that_cannot_be_read_are_failed_events_with_file_and_line(world: World) -> None:
    lines = b'id,when\n1,2026-03-01\n2\n3,"b"c\n4,never\n5,2026-03-01,more\n6,Z\xfcrich\n7,2026-03-01\n'
    world.put(FIRST, lines)
    ended = imported(world, site_with(csv_import(timestamp_field="when")))
    assert (ended.outcome, ended.counts["rows"], ended.counts["failed"]) == ("succeeded", 7, 5)
    assert sorted(json.loads(row["properties"])["id"] for row in world.taken_in()) == ["1", "7"]
    found = failures(world)
    assert [row["message"] for row in found] == [
        f"{FIRST} line 3: 1 columns, the header has 2",
        f"{FIRST} line 4: ',' expected after '\"'",
        f"{FIRST} line 5: when: is no time",
        f"{FIRST} line 6: 3 columns, the header has 2",
        f"{FIRST} line 7: has bytes that are no text in the file's encoding",
    ]
    assert {row["failure_class"] for row in found} == {"payload_format"}
    assert found[1]["payload"] == b'3,"b"c\n'
    assert found[3]["payload"] == b"5,2026-03-01,more\n"


def test_rows_that_break_a_definition_are_failed_events_with_file_and_line(world: World) -> None:
    world.put(FIRST, b"city\nBern\n\nBasel\n")
    definition = {"name": "crm", "properties": {"city": {"type": "string", "enum": ["Bern"]}}}
    site = site_with(csv_import(), events={"mode": "block", "definitions": [definition]})
    ended = imported(world, site)
    assert (ended.counts["rows"], ended.counts["failed"]) == (2, 1)
    world.lake.compact()
    (failed,) = failures(world)
    assert (failed["failure_class"], failed["pointer"]) == ("definition_violation", "/properties/city")
    assert failed["message"].startswith(f"{FIRST} line 4: ")


def test_too_many_rows_that_cannot_be_read_fail_the_run(world: World) -> None:
    world.put(FIRST, b"a,b\n" + b"1,2\n" * 97 + b"1\n" * 3)
    ended = imported(world, site_with(csv_import()))
    assert (ended.outcome, ended.actor, ended.code) == ("failed", Actor.OTHER_SIDE, "bad_rows")
    assert ended.message == f"{FIRST}: 3 of 100 rows cannot be read; see the failed events"
    world.put(FIRST, b"a,b\n" + b"1,2\n" * 97 + b"1\n" * 3)
    site = site_with(csv_import(max_bad_rows=0.03))
    world.runner().resume(site, site.jobs[0])
    assert imported(world, site).outcome == "succeeded"


@pytest.mark.parametrize(
    ("data", "fields", "code", "message"),
    [
        (b"", {}, "bad_header", f"{FIRST} is empty"),
        (b"a,a,\n1,2,3\n", {}, "bad_header", "the columns 3 have no name; the header names a twice"),
        (b"email\n", {"map": {"user_id": "emial"}}, "job_definition", "map/user_id: 'emial' is no column"),
    ],
)
def test_a_header_that_does_not_fit(world: World, data: bytes, fields: dict[str, Any], code: str, message: str) -> None:
    world.put(FIRST, data)
    ended = imported(world, site_with(csv_import(**fields)))
    assert (ended.outcome, ended.code) == ("failed", code)
    assert message in ended.message


def test_a_file_that_is_no_text_is_not_imported(world: World) -> None:
    text = "id,größe\n1,XL\n"
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("a.csv", text)
        members.writestr("folder/b.csv", text)
    files = {
        "an archive": archive.getvalue(),
        "gzip, by another name": gzip.compress(text.encode()),
        "encrypted": b"\x85\x01\x0c\x03" + bytes(range(256)),
        "encrypted, as text": b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n",
        "latin-1": text.encode("latin-1"),
        "UTF-32": text.encode("utf-32"),
        "half a pair": codecs.BOM_UTF16_LE + b"\x00\xd8",
    }
    for name, data in files.items():
        world.put(f"crm/{name}.csv", data)
        job = csv_import(**{"name": "crm", "from": {"file": f"crm/{name}.csv"}})
        world.runner().ask(site_with(job), site_with(job).jobs[0])
        ended = imported(world, site_with(job))
        assert (ended.outcome, ended.actor, ended.code) == ("failed", Actor.OTHER_SIDE, "bad_header"), name
    world.put(FIRST, text.encode("utf-16")[:-1])
    world.runner().ask(site_with(csv_import()), site_with(csv_import()).jobs[0])
    ended = imported(world, site_with(csv_import()))
    assert (ended.code, ended.message) == ("bad_file", f"{FIRST}: the file ends within a character")


@pytest.mark.parametrize("name", ["Kunden März.csv", "100%#1 a+b?c&d%20e.csv", "a'b;c=d[e]{f}.csv"])
def test_a_file_may_have_any_name_that_azure_keeps(world: World, name: str) -> None:
    world.put(f"crm folder/{name}", b"id\n1\n")
    assert imported(world, site_with(csv_import(**{"from": {"file": f"crm folder/{name}"}}))).counts["rows"] == 1


def test_a_header_alone_is_a_file_without_rows(world: World) -> None:
    world.put(FIRST, b"a,b\n")
    assert (imported(world, site_with(csv_import())).counts["rows"]) == 0


def test_a_file_that_is_not_there(world: World) -> None:
    ended = imported(world, site_with(csv_import()))
    assert (ended.actor, ended.code) == (Actor.OTHER_SIDE, "no_file")
    elsewhere = site_with(csv_import(**{"name": "other", "from": {"container": "missing"}}))
    gone = world.run(elsewhere, "other")
    assert gone is not None
    assert (gone.actor, gone.code) == (Actor.OPERATOR, "no_container")


def test_a_sequence_is_read_in_the_order_of_its_timestamps(world: World) -> None:
    for name in ("20260303", "20260301", "2026-03-02T06:00:00", "20260229", "x20260304"):
        world.put(f"crm/customers-{name}.csv", f"id\n{name}\n".encode())
    site = site_with(csv_import(keep_updated=DAILY))
    ended = imported(world, site)
    assert [file["path"][14:] for file in ended.files] == ["20260301.csv", "2026-03-02T06:00:00.csv", "20260303.csv"]
    world.put("crm/customers-20260302.csv", b"id\nlate\n")
    world.put("crm/customers-20260304.csv.gz", gzip.compress(b"id\nnew\n"))
    world.now += timedelta(days=1)
    assert [file["path"][14:] for file in imported(world, site).files] == ["20260304.csv.gz"]
    world.now += timedelta(days=1)
    stopped = imported(world, site)
    assert (stopped.outcome, stopped.files) == ("succeeded", ())
    state = world.state(site, "crm")
    assert state.status == "stopped"
    assert state.reason == "there is no file after crm/customers-20260304.csv.gz; resume the job when there is one"
    world.put("crm/customers-20260305.csv", b"id\nnext\n")
    world.runner().resume(site, site.jobs[0])
    assert [file["path"][14:] for file in imported(world, site).files] == ["20260305.csv"]


def test_a_sequence_whose_first_timestamp_is_no_time_is_the_authors(world: World) -> None:
    world.put("crm/20260230.csv", b"id\n1\n")
    ended = imported(world, site_with(csv_import(keep_updated=DAILY, **{"from": {"file": "crm/20260230.csv"}})))
    assert (ended.actor, ended.code) == (Actor.AUTHOR, "job_definition")


def test_a_job_may_wait_for_the_next_file(world: World) -> None:
    world.put(FIRST, b"id\n1\n")
    site = site_with(csv_import(keep_updated=DAILY, when_missing="wait"))
    for _ in range(2):
        imported(world, site)
        assert world.state(site, "crm").status == "active"
        world.now += timedelta(days=1)


def test_a_prefix_is_a_regular_expression_up_to_the_timestamp(world: World) -> None:
    for path in ("in/a-20260301.csv", "in/b-20260302.csv", "in/c-20260303.csv", "in/ab-20260304.csv"):
        world.put(path, b"id\n1\n")
    source = {"file": "in/a-20260301.csv", "prefix": "in/[ab]-"}
    ended = imported(world, site_with(csv_import(keep_updated=DAILY, **{"from": source})))
    assert [file["path"] for file in ended.files] == ["in/a-20260301.csv", "in/b-20260302.csv"]


def rows_of(count: int, changed: int = -1) -> bytes:
    return b"id,plan,seen\n" + b"".join(
        b"%d,%s,%d\n" % (number, b"pro" if number == changed else b"free", changed) for number in range(count)
    )


def test_with_diff_only_changed_rows_are_imported(world: World) -> None:
    world.put(FIRST, rows_of(250))
    site = site_with(csv_import(keep_updated=DAILY, diff=True, fields=["id", "plan"]))
    assert imported(world, site).counts["unchanged"] == 0
    world.put("crm/customers-20260302.csv", rows_of(251, changed=7))
    world.now += timedelta(days=1)
    ended = imported(world, site)
    assert (ended.counts["rows"], ended.counts["unchanged"]) == (251, 249)
    plans = [json.loads(row["properties"]) for row in world.taken_in()]
    assert len(plans) == 252
    assert [plan["id"] for plan in plans if plan["plan"] == "pro"] == ["7"]


def test_with_diff_another_header_stops_the_import(world: World) -> None:
    world.put(FIRST, b"id,plan\n1,a\n")
    site = site_with(csv_import(keep_updated=DAILY, diff=True))
    imported(world, site)
    world.put("crm/customers-20260302.csv", b"id,plan,new\n1,a,\n")
    world.now += timedelta(days=1)
    ended = imported(world, site)
    assert (ended.outcome, ended.actor, ended.code) == ("failed", Actor.OTHER_SIDE, "source_changed")
    assert len(world.taken_in()) == 1, "what was imported stays"


@pytest.mark.parametrize("after", [False, True])
def test_a_process_that_ends_anywhere_leaves_each_row_once(world: World, after: bool) -> None:
    world.put(FIRST, rows_of(450) + b"bad\n")
    world.put("crm/customers-20260302.csv", rows_of(450, changed=3))
    site = site_with(csv_import(keep_updated=DAILY, diff=True, fields=["id", "plan"]))
    spill = world.lake.account.container(world.lake.settings.spill_container)
    deaths = 0
    while True:
        DyingSpill.left, DyingSpill.after = deaths + 1, after
        works = {CsvImport.kind: world.imports(DyingSpill(spill.store), Pace(50, 100, 200))}
        runner = JobRunner(world.states, works, lambda: world.now, world.new_id)
        try:
            run = world.run(site, "crm", runner=runner)
        except KeyboardInterrupt:
            deaths += 1
            world.now += timedelta(minutes=3)
            continue
        break
    assert run is not None and run.outcome == "succeeded"
    assert deaths >= 2
    ids = [json.loads(row["properties"])["id"] for row in world.taken_in()]
    assert sorted(ids, key=int) == sorted([*(str(number) for number in range(450)), "3"], key=int)
    assert len(failures(world)) == 1


class Slow(Container):
    """The spill's container, during whose first write another process takes over."""

    world: World
    site: Site
    other: Any = None

    def write(self, path: str, data: Any) -> None:
        if self.other is None:
            self.world.now += timedelta(minutes=3)
            self.other = imported(self.world, self.site)
        super().write(path, data)


def test_of_two_processes_with_one_run_one_ends_it(world: World) -> None:
    world.put(FIRST, rows_of(250))
    slow = Slow(world.lake.account.container(world.lake.settings.spill_container).store)
    slow.world, slow.site = world, site_with(csv_import(fields=["id"]))
    works = {CsvImport.kind: world.imports(slow, Pace(50, 100, 200))}
    runner = JobRunner(world.states, works, lambda: world.now, world.new_id)
    assert world.run(slow.site, "crm", runner=runner) is None, "its next write is refused"
    assert slow.other.counts["rows"] == 250
    assert len(world.taken_in()) == 250
    assert len(world.states.history("shop", "crm", 10)) == 1


def test_rows_from_before_an_erasure_of_their_person_stay_out(world: World) -> None:
    site = site_with(csv_import(timestamp_field="at", map={"user_id": "who"}, max_bad_rows=1.0))
    world.put(FIRST, b"who,at,n\njane,2026-03-10,1\nbo,2026-03-10,2\n")
    imported(world, site)
    assert len(world.taken_in()) == 2
    erase_jane(world)
    world.now += timedelta(days=3)
    world.put(FIRST, b"who,at,n\njane,2026-03-10,3\nbo,2026-03-10,4\njane,2026-03-13,5\n")
    world.runner().ask(site, site.jobs[0])
    imported(world, site)
    numbers = {(row["user_id"], json.loads(row["properties"])["n"]) for row in world.taken_in()}
    assert {n for who, n in numbers if who == "jane"} == {"5"}, "what is dated after it is a person who returns"
    assert {n for who, n in numbers if who == "bo"} == {"2", "4"}


def test_a_run_goes_on_where_its_time_was_over(world: World) -> None:
    world.put(FIRST, rows_of(250))
    world.put("crm/customers-20260302.csv.gz", gzip.compress(rows_of(250, changed=3)))
    site = site_with(csv_import(keep_updated=DAILY, diff=True, fields=["id", "plan"]))
    steps = 0
    while world.run(site, "crm", minutes=0) is None:
        steps += 1
    assert steps == 4
    assert len(world.taken_in()) == 251
    files = world.lake.service.get_container_client(world.lake.settings.lake_container).list_blob_names()
    kept = [name for name in files if name.startswith("state/jobs/")]
    assert len(kept) == 2, "the state, and the digests of the last file"


def test_a_file_that_changes_while_it_is_read_is_begun_anew(world: World) -> None:
    world.put(FIRST, rows_of(250))
    site = site_with(csv_import())
    assert world.run(site, "crm", minutes=0) is None
    world.put(FIRST, rows_of(260))
    assert imported(world, site).counts["rows"] == 260
    assert len({json.loads(row["properties"])["id"] for row in world.taken_in()}) == 260


def test_counts_of_imported_rows_reconcile(world: World) -> None:
    world.put(FIRST, b"id,b\n1,2\n2\n3,4\n")
    imported(world, site_with(csv_import()))
    world.lake.compact()
    totals = world.lake.totals()
    assert (totals.answered, totals.difference) == (3, 0)


def test_properties_survive_whatever_text_they_have(world: World) -> None:
    odd = ['a "q"', "two\nlines", "=1+1", "Ünï 🎉", "tab\t", " space "]
    text = io.StringIO()
    csv.writer(text).writerows([["n", "text"], *([str(index), value] for index, value in enumerate(odd))])
    world.put(FIRST, text.getvalue().encode())
    imported(world, site_with(csv_import()))
    found = {row["n"]: row["text"] for row in (json.loads(row["properties"]) for row in world.taken_in())}
    assert found == {str(index): value for index, value in enumerate(odd)}
