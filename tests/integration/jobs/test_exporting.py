"""Exports of events over real tables and a real container: each row once, whole files, every option."""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import duckdb
import pyarrow.parquet as pq
import pytest
from pysequoia import Tsk, decrypt

from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.receipt import problem_of
from clickstream.errors import Conflict, SettingsError, Unavailable
from clickstream.exporting.withdrawing import PublishedFiles
from clickstream.jobs.failing import Actor
from clickstream.jobs.state import EndedRun
from clickstream.model.schema import EVENT_COLUMNS
from local.azurite import Azurite
from tests.integration.jobs.dying import Dying
from tests.integration.jobs.erasing import erase_jane, erase_jane_of
from tests.integration.jobs.world import DAILY, NOW, START, World, csv_import, export, site_with
from tests.support.gnupg import gnupg
from tests.support.pandas_folder import import_pandas

pytestmark = pytest.mark.integration
ODD = ['a "quoted" text', "two\nlines", "=1+1", "", None, "Ünï, cödé 🎉", "tab\tand ; and ,"]


@pytest.fixture
def world(azurite: Azurite) -> World:
    return World(azurite)


def rows(files: dict[str, bytes]) -> list[dict[str, str]]:
    """The rows of all CSV files, by Python's reader."""
    found: list[dict[str, str]] = []
    for name, data in sorted(files.items()):
        if ".csv" in name:
            text = gzip.decompress(data) if name.endswith(".gz") else data
            found.extend(csv.DictReader(io.StringIO(text.decode(), newline="")))
    return found


def ids(world: World) -> list[str]:
    return sorted(row["event_id"] for row in rows(world.files()))


def commit_odd(world: World) -> None:
    """Events with text that readers may trip over, and one of another site."""
    for index, title in enumerate(ODD):
        world.commit(
            f"e{index}", page_title=title, properties=json.dumps({"price": 9.5, "odd": title}), session_index=index
        )
    world.commit("other", site="blog")


def test_what_is_exported_is_the_table(world: World, tmp_path: Path) -> None:
    commit_odd(world)
    ended = world.ended(site_with(export()))
    assert (ended.outcome, ended.counts["rows"], ended.counts["files"]) == ("succeeded", len(ODD), 1)
    name = f"shop/events-{NOW:%Y%m%d%H%M%S}"
    assert sorted(world.files()) == [f"{name}.csv", f"{name}.manifest.json"]
    assert_is_the_table(world, world.files()[f"{name}.csv"], tmp_path)


def assert_is_the_table(world: World, data: bytes, folder: Path) -> None:
    """Python, DuckDB and pandas read the rows of the site."""
    (folder / "a.csv").write_bytes(data)
    types = {column.name: "VARCHAR" for column in EVENT_COLUMNS}
    reader = duckdb.sql(f"SELECT * FROM read_csv('{folder}/a.csv', header=true, columns={types}, parallel=false)")
    assert reader is not None
    frame = import_pandas().read_csv(folder / "a.csv", dtype=str, keep_default_na=False)
    readers = {
        "csv": list(csv.DictReader(io.StringIO(data.decode(), newline=""))),
        "DuckDB": reader.to_arrow_table().to_pylist(),
        "pandas": frame.to_dict("records"),
    }
    expected = {
        row["event_id"]: {column: as_text(value) or "" for column, value in row.items()} for row in world.rows()
    }
    for name, found in readers.items():
        texts = {row["event_id"]: {column: text or "" for column, text in row.items()} for row in found}
        assert texts == expected, name


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
@pytest.mark.parametrize("compress", ["gzip", "zip"])
def test_a_partner_reads_the_table_and_what_comes_back_is_imported_once(
    world: World, tmp_path: Path, compress: str
) -> None:
    commit_odd(world)
    with gnupg(tmp_path) as partner:
        to = {"filename": "out", "compress": compress, "pgp_keys": [partner.public_key]}
        assert world.ended(site_with(export(to=to))).outcome == "succeeded"
        if compress == "gzip":
            data = partner.run("gzip", "--decompress", data=file(world, ".csv.pgp.gz"))
        else:
            with zipfile.ZipFile(io.BytesIO(file(world, ".csv.pgp.zip"))) as archive:
                data = archive.read("out.csv.pgp")
        data = partner.decrypt(data)
    assert_is_the_table(world, data, tmp_path)
    world.put("back.csv", data)
    back = csv_import(
        **{"from": {"file": "back.csv"}}, timestamp_field="occurred_at", event_id=["event_id"], fields=["page_title"]
    )
    site, counts = site_with(back), []
    for _ in range(2):
        world.runner().ask(site, site.jobs[0])
        assert world.ended(site, "crm").counts["rows"] == len(ODD)
        counts.append(len(world.taken_in()))
    assert counts == [2 * len(ODD)] * 2


def as_text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return None if value is None else str(value)


def test_empty_text_and_no_value_stay_apart(world: World) -> None:
    world.commit("e1", properties='{"plan": ""}')
    world.commit("e2")
    world.ended(site_with(export(fields=["event_id", "properties.plan"])))
    assert sorted(file(world, ".csv").decode().splitlines()) == ['"e1",""', '"e2",', '"event_id","properties.plan"']


def test_lines_of_json_have_the_same_values(world: World) -> None:
    world.commit("e1", page_title='a "b"\n', properties='{"price": 9.5, "tags": ["x"]}', session_index=3)
    fields = ["event_id", "page_title", "properties", "properties.price", "session_index", "occurred_at", "user_id"]
    world.ended(site_with(export(format="ndjson", fields=fields)))
    assert json.loads(file(world, ".ndjson")) == {
        "event_id": "e1",
        "page_title": 'a "b"\n',
        "properties": {"price": 9.5, "tags": ["x"]},
        "properties.price": 9.5,
        "session_index": 3,
        "occurred_at": "2026-03-10T12:00:00.000000Z",
        "user_id": None,
    }


def file(world: World, ending: str) -> bytes:
    (data,) = [data for name, data in world.files().items() if name.endswith(ending)]
    return data


def test_options_choose_rows_and_form(world: World) -> None:
    world.commit("old", occurred_at=START - timedelta(days=3))
    world.commit("day before", occurred_at=datetime(2026, 3, 8, 22, 59, tzinfo=UTC))
    world.commit("in", occurred_at=datetime(2026, 3, 8, 23, 0, tzinfo=UTC), stream="web", page_path="/a")
    world.commit("other stream", stream="app", page_path="/a")
    world.commit("other page", stream="web", page_path="/b")
    world.commit("end", occurred_at=datetime(2026, 3, 10, 23, 0, tzinfo=UTC), stream="web", page_path="/a")
    chosen = export(
        streams=["web"],
        filters=[["is", "event:page", ["/a"]]],
        start_date="2026-03-09",
        end_date="2026-03-11",
        time_zone="Europe/Berlin",
        fields=["event_id"],
        headers=False,
        to={"compress": "gzip", "filename": "/x/{TIMESTAMP}-events", "timestamp_format": "yyyy-MM-dd_HH.mm"},
    )
    world.ended(site_with(chosen))
    assert sorted(world.files()) == ["x/2026-03-11_05.00-events.csv.gz", "x/2026-03-11_05.00-events.manifest.json"]
    assert gzip.decompress(file(world, ".gz")) == b'"in"\n'


def test_events_without_a_stream_are_those_of_the_default_stream(world: World) -> None:
    world.commit("none")
    world.commit("default", stream="default")
    world.commit("web", stream="web")
    world.ended(site_with(export(streams=["default"])))
    assert ids(world) == ["default", "none"]


def test_only_columns_that_fields_and_filters_name_are_read(world: World) -> None:
    world.commit("a", page_path="/a", page_title="lost", properties='{"price": 9.5}')
    for name in ("page_title", "user_agent"):
        destroy(world, name)
    few = export(fields=["properties.price", "event_id"], filters=[["is", "event:page", ["/a"]]])
    assert world.ended(site_with(few)).outcome == "succeeded"
    assert rows(world.files()) == [{"properties.price": "9.5", "event_id": "a"}]
    everything = export(name="all", to={"filename": "all"})
    assert world.run(site_with(everything), "all") is None, "the other columns cannot be read"


def destroy(world: World, column: str) -> None:
    """Overwrite the pages of a column in the table's only file."""
    container = world.lake.service.get_container_client(world.lake.settings.lake_container)
    (path,) = [blob.name for blob in container.list_blobs("events/") if blob.name.endswith(".parquet")]
    data = bytearray(container.download_blob(path).readall())
    group = pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0)
    (chunk,) = [found for found in map(group.column, range(group.num_columns)) if found.path_in_schema == column]
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    data[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    container.upload_blob(path, bytes(data), overwrite=True)


def test_text_that_is_a_formula_is_quoted_on_request_alone(world: World) -> None:
    world.commit("e1", page_title="=1+1", properties='{"a": "@x", "b": 1}')
    fields = ["page_title", "properties.a", "properties.b"]
    world.ended(site_with(export(fields=fields, spreadsheet_safe=True)))
    assert list(rows(world.files())[0].values()) == ["'=1+1", "'@x", "1"]


@pytest.mark.parametrize(("when_empty", "files"), [("write", 2), ("skip", 0)])
def test_a_run_without_events(world: World, when_empty: str, files: int) -> None:
    ended = world.ended(site_with(export(when_empty=when_empty, fields=["event_id"])))
    assert (ended.outcome, len(world.files()), len(ended.files)) == ("succeeded", files, files // 2)
    if files:
        assert file(world, ".csv") == b'"event_id"\n'


def test_a_file_ends_at_its_size_and_the_manifest_lists_all(world: World) -> None:
    for days in range(2):
        world.commit(*(f"e{days}-{number}" for number in range(40)), occurred_at=START - timedelta(days=days))
    ended = world.ended(site_with(export(to={"max_file_bytes": 100}, fields=["event_id"])))
    manifest = json.loads(file(world, ".manifest.json"))
    assert [part["path"] for part in manifest["files"]] == [
        f"shop/events-{NOW:%Y%m%d%H%M%S}.csv",
        f"shop/events-{NOW:%Y%m%d%H%M%S}-0002.csv",
    ]
    assert manifest["rows"] == ended.counts["rows"] == 80
    assert len(ids(world)) == 80


def test_a_continuous_export_has_each_event_once(world: World) -> None:
    site = site_with(export(keep_updated=DAILY))
    world.commit("a", "b")
    world.ended(site)
    assert world.state(site).next_due_at == datetime(2026, 3, 12, 2, 30, tzinfo=UTC)
    assert world.run(site) is None, "it is not due"
    world.commit("late", occurred_at=START - timedelta(days=6))
    world.commit("c")
    world.rewrite()
    world.now = datetime(2026, 3, 14, 9, 0, tzinfo=UTC)  # two due times were missed
    second = world.ended(site)
    assert (second.due_at, second.counts["rows"]) == (datetime(2026, 3, 14, 2, 30, tzinfo=UTC), 2)
    assert second.scope["batches"] == [1, 3], "the history has the range"
    world.now += timedelta(days=1)
    third = world.ended(site)
    assert (third.counts["rows"], ids(world)) == (0, ["a", "b", "c", "late"])
    assert [run.id for run in world.states.history("shop", "events", 2)] == [third.id, second.id]


def test_a_job_that_is_removed_and_added_again_goes_on_where_it_was(world: World) -> None:
    site, without = site_with(export(keep_updated=DAILY)), site_with()
    world.commit("a")
    world.ended(site)
    world.commit("b")
    world.now += timedelta(days=2)
    assert not world.runner().run_due({"shop": without}, world.now + timedelta(minutes=8)).ended
    again = world.ended(site)
    assert (again.counts["rows"], ids(world)) == (1, ["a", "b"])


def test_a_continuous_export_ends_eight_days_after_its_end_date(world: World) -> None:
    site = site_with(export(keep_updated=DAILY, end_date="2026-03-12"))
    world.ended(site)
    world.now = datetime(2026, 3, 19, 12, 0, tzinfo=UTC)
    world.ended(site)
    assert world.state(site).status == "active"
    world.now = datetime(2026, 3, 21, 12, 0, tzinfo=UTC)
    world.ended(site)
    assert (world.state(site).status, world.state(site).next_due_at) == ("done", None)


def test_a_process_that_ends_anywhere_leaves_each_row_once_and_no_half_file(world: World) -> None:
    world.commit("a", "b")
    world.commit("c", occurred_at=START - timedelta(days=1))
    job = export(to={"max_file_bytes": 1}, fields=["event_id"], keep_updated=DAILY)
    site = site_with(job)
    at = 0
    while True:
        try:
            run = world.run(site, runner=world.runner(Dying(world, at)))
        except KeyboardInterrupt:
            whole = {b'"event_id"\n"a"\n"b"\n', b'"event_id"\n"b"\n"a"\n', b'"event_id"\n"c"\n'}
            assert {data for name, data in world.files().items() if name.endswith(".csv")} <= whole
            assert world.run(site) is None, "its lease is not past"
            world.now += timedelta(minutes=3)
            world.commit(f"later {at}")
            at += 1
            continue
        break
    assert run is not None
    assert (run.outcome, run.attempts) == ("succeeded", at + 1)
    assert at >= 3
    assert ids(world) == ["a", "b", "c"], "events after its beginning are those of the next run"
    world.now += timedelta(days=1)
    world.ended(site)
    assert ids(world) == sorted(["a", "b", "c", *(f"later {number}" for number in range(at))])


def test_a_run_goes_on_where_its_time_was_over(world: World) -> None:
    for days in range(3):
        world.commit(f"e{days}", occurred_at=START - timedelta(days=days))
    site = site_with(export(fields=["event_id"]))
    assert world.run(site, minutes=0) is None
    state = world.state(site)
    assert state.run is not None and state.run.counts["rows"] == 1
    assert world.files() == {}
    assert world.run(site, minutes=0) is None
    assert world.run(site, minutes=0) is None
    assert world.run(site) is not None
    assert ids(world) == ["e0", "e1", "e2"]


def test_what_is_staged_whole_is_published_there_whatever_the_document_says_then(world: World) -> None:
    world.commit("a")
    options: dict[str, Any] = {"fields": ["event_id"], "keep_updated": DAILY}
    with pytest.raises(KeyboardInterrupt):
        world.run(site_with(export(**options)), runner=world.runner(Dying(world, 1)))
    world.now += timedelta(minutes=3)
    others = world.lake.service.create_container(f"others-{world.suffix}")
    site = site_with(export(to={"container": "others", "compress": "gzip"}, **options))
    ended = world.ended(site)
    (path,) = [file["path"] for file in ended.files]
    assert (ended.scope["written_to"], path.endswith(".csv"), ids(world)) == ("partner/exports", True, ["a"])
    assert sorted(world.files()) == [path, path.replace(".csv", ".manifest.json")]
    properties = world.container.get_blob_client(path).get_blob_properties()
    assert properties.content_settings.content_type == "text/csv; charset=utf-8"
    world.commit("b")
    world.now += timedelta(days=1)
    ended = world.ended(site)
    assert ended.scope["written_to"] == "partner/others"
    assert [blob.name for blob in others.list_blobs() if blob.name.endswith(".csv.gz")] == [ended.files[0]["path"]]
    assert ids(world) == ["a"]


class Slow(Dying):
    """A container during whose first publication another process takes over."""

    def __init__(self, world: World, site: Any) -> None:
        super().__init__(world, 10**6)
        self._site = site
        self.other: EndedRun | None = None

    def publish(self, path: str, blocks: list[str], content_type: str, writer: str) -> None:
        if self.other is None:
            self._world.now += timedelta(minutes=3)
            self.other = self._world.run(self._site)
        super().publish(path, blocks, content_type, writer)


def test_of_two_processes_with_one_run_one_ends_it(world: World) -> None:
    world.commit("a")
    site = site_with(export())
    slow = Slow(world, site)
    assert world.run(site, runner=world.runner(slow)) is None
    assert slow.other is not None and slow.other.outcome == "succeeded"
    assert ids(world) == ["a"]
    assert len(world.states.history("shop", "events", 10)) == 1


def test_a_file_of_somebody_else_is_not_replaced(world: World) -> None:
    path = f"shop/events-{NOW:%Y%m%d%H%M%S}.csv"
    world.container.upload_blob(path, b"theirs")
    site = site_with(export())
    ended = world.ended(site)
    assert (ended.outcome, ended.actor, ended.code) == ("failed", Actor.AUTHOR, "name_taken")
    assert path in str(ended.message)
    assert world.files() == {path: b"theirs"}
    assert world.state(site).status == "failed"


def test_a_container_that_is_not_there_is_the_operators(world: World) -> None:
    ended = world.ended(site_with(export(to={"container": "missing"})))
    assert (ended.outcome, ended.actor, ended.code) == ("failed", Actor.OPERATOR, "no_container")
    assert "missing" in str(ended.message)


class Down(Dying):
    """A container that cannot be reached."""

    def stage(self, path: str, block: str, data: BinaryIO) -> None:
        raise Unavailable("down")


def test_storage_that_is_down_is_tried_again_and_then_given_up(world: World) -> None:
    site = site_with(export(keep_updated=DAILY))
    runner = world.runner(Down(world, 0))
    for _ in range(5):  # the first has saved its range, which is progress
        assert world.run(site, runner=runner) is None
        assert world.run(site) is None, "it pauses first"
        world.now += timedelta(minutes=11)
    ended = world.run(site, runner=runner)
    assert ended is not None
    assert (ended.outcome, ended.actor, ended.code, ended.attempts) == ("failed", Actor.NOBODY, "unavailable", 6)
    world.now = datetime(2026, 3, 12, 3, 0, tzinfo=UTC)
    assert world.ended(site).outcome == "succeeded", "at the next due time"


def test_files_are_encrypted_or_not_written_at_all(world: World) -> None:
    secret = Tsk.generate("Partner <partner@example.com>", validity_seconds=86_400)
    created = datetime.now(UTC)
    world.commit("a")
    to = {"pgp_keys": [str(secret.extract_certificate())], "compress": "gzip", "compress_first": True}
    site = site_with(export(to=to, fields=["event_id"]))
    world.now = created + timedelta(days=2)
    late = world.ended(site)
    assert (late.actor, late.code, world.files()) == (Actor.OTHER_SIDE, "key_expired", {})
    world.runner().reset(site, site.jobs[0])
    world.now = created + timedelta(hours=1)
    world.runner().ask(site, site.jobs[0])
    assert world.ended(site).outcome == "succeeded"
    plain = decrypt(file(world, ".csv.gz.pgp"), decryptor=secret.decryptor()).bytes
    assert plain is not None and gzip.decompress(plain) == b'"event_id"\n"a"\n'


def test_a_field_that_no_event_has_is_the_authors(world: World) -> None:
    ended = world.ended(site_with(export(fields=["event_id", "user_idd"])))
    assert (ended.actor, ended.code) == (Actor.AUTHOR, "job_definition")
    assert "'user_id' meant" in str(ended.message)


def test_a_job_that_is_stopped_waits_until_it_is_resumed(world: World) -> None:
    world.commit("a")
    site = site_with(export())
    runner, job = world.runner(), site.jobs[0]
    runner.stop(site, job)
    assert world.run(site) is None
    runner.resume(site, job)
    assert world.ended(site).outcome == "succeeded"
    runner.ask(site, job)
    with pytest.raises(Conflict):
        runner.ask(site, job)
    runner.reset(site, job)
    assert world.state(site).run is None


def test_a_job_that_is_stopped_while_it_runs_ends_at_its_next_write(world: World) -> None:
    world.commit("a")
    site = site_with(export())

    class Stopping(Dying):
        def stage(self, path: str, block: str, data: BinaryIO) -> None:
            world.runner().stop(site, site.jobs[0])
            super().stage(path, block, data)

    assert world.run(site, runner=world.runner(Stopping(world, 9))) is None
    assert (world.state(site).status, world.files()) == ("stopped", {})
    world.runner().resume(site, site.jobs[0])
    world.now += timedelta(minutes=3)
    assert world.ended(site).outcome == "succeeded"
    assert ids(world) == ["a"]


def test_due_jobs_share_the_time_the_longest_waiting_first(world: World) -> None:
    world.commit("a")
    jobs = [export(name=name, to={"filename": f"{name}-{{TIMESTAMP}}"}) for name in ("x", "y", "z")]
    site = site_with(*jobs)
    report = world.runner().run_due({"shop": site}, NOW + timedelta(minutes=8))
    assert report.ended == ["shop/x", "shop/y", "shop/z"]
    assert world.runner().run_due({"shop": site}, NOW + timedelta(minutes=8)).ended == []


def test_the_receipt_of_an_erasure_lists_the_runs_that_may_hold_the_person(world: World) -> None:
    world.commit("a", user_id="jane")
    site = site_with(export(keep_updated=DAILY))
    first = world.ended(site)
    world.commit("b", user_id="jane", occurred_at=START - timedelta(days=1))
    world.now += timedelta(days=1)
    assert world.run(site, minutes=0) is None
    settings, states = world.lake.settings, world.states
    receipt = erase_jane(world)
    under_way = world.state(site).run
    assert under_way is not None
    assert receipt["exports"] == [
        {
            "job": "events",
            "run": first.id,
            "ended_at": "2026-03-11T04:00:00+00:00",
            "written_to": "partner/exports",
            "files": [f"shop/events-{NOW:%Y%m%d%H%M%S}.csv"],
            "deleted_at": None,
        },
        {"job": "events", "run": under_way.id, "ended_at": None, "written_to": None, "files": [], "deleted_at": None},
    ]
    assert problem_of(receipt, ErasureKeys.derive(settings.visitor_id_key)) is None
    assert states.exports("blog") == []
    world.commit("c")
    world.ended(site)
    world.now += timedelta(days=1)
    assert world.ended(site).counts["rows"] == 1, "what is erased is in no later file"
    assert ids(world) == ["a", "c"], "not even in that of the run under way"


def test_an_erasure_deletes_the_files_of_jobs_that_say_so(world: World) -> None:
    world.commit("a", user_id="jane")
    deleting = export(erase_exports="delete", keep_updated=DAILY)
    site = site_with(deleting, export(name="kept", to={"filename": "kept"}))
    first = world.ended(site)
    world.ended(site, "kept")
    files = PublishedFiles(world.states, lambda name: site, lambda _, place: world.target(place), lambda: world.now)
    receipt = erase_jane_of(world, files.after_erasure)
    deleted = {run["job"]: run["deleted_at"] for run in receipt["exports"]}
    assert deleted == {"events": world.now.isoformat(), "kept": None}
    assert sorted(world.files()) == ["kept.csv", "kept.manifest.json"]
    assert world.states.history("shop", "events", 1)[0] == replace(first, withdrawn_at=world.now)
    world.commit("b")
    world.now += timedelta(days=1)
    world.ended(site)
    assert ids(world) == ["a", "b"], "that of the other job, and what followed"

    def refuses(connection: str, container: str) -> Any:
        raise SettingsError([f"CONNECTION_{connection} is missing"])

    gone = PublishedFiles(world.states, lambda name: site, refuses, lambda: world.now)
    assert [run["deleted_at"] is None for run in gone.after_erasure("shop")] == [False, True, True]


class Erasing(Dying):
    """A container during whose n-th publication a person is erased."""

    def __init__(self, world: World, publication: int) -> None:
        super().__init__(world, 10**6)
        self._publications = publication

    def publish(self, path: str, blocks: list[str], content_type: str, writer: str) -> None:
        self._target.publish(path, blocks, content_type, writer)
        self._publications -= 1
        if self._publications == 0:
            erase_jane(self._world)


def test_a_run_during_which_a_person_is_erased_withdraws_its_files(world: World, azurite: Azurite) -> None:
    site = site_with(export(fields=["event_id"], to={"max_file_bytes": 1}))
    for publications in (1, 3):
        world.commit("jane's", user_id="jane")
        world.commit("other's", occurred_at=START - timedelta(days=1))
        assert world.run(site, runner=world.runner(Erasing(world, publications))) is None, publications
        assert world.files() == {}
        assert world.ended(site).counts["rows"] == 1
        assert ids(world) == ["other's"]
        world = World(azurite)
