"""`python -m clickstream.sites`, in processes of its own, with documents and tables in real storage."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from clickstream.errors import Conflict, InvalidSite, Unavailable
from clickstream.storage.site_documents import BlobSiteDocuments, EditableBlobSiteDocuments, StoredDocument
from local.azurite import Azurite
from tests.integration.compacting.failing_storage import FailingStorage
from tests.integration.querying.lake import Lake, event, failed_event, make_lake

pytestmark = pytest.mark.integration

SHOP = """\
site: shop
keys:
- {kind: public, key: shop-web}
- {kind: read, key: shop-read-key}
events:
  definitions:
  - {name: purchase, properties: {value: {type: number, required: true}}}
  - {name: signup}
"""
BLOG = "site: blog\nkeys: [{kind: public, key: blog-web}]\n"


@dataclass
class Command:
    """The command with the settings of one storage account, over one folder."""

    lake: Lake
    folder: Path
    endpoint: str | None = None  # in place of the storage account's own
    allow_short_keys: str = "true"

    def run(self, *arguments: str) -> tuple[int, str, str]:
        connection = self.lake.azurite.connection_string
        if self.endpoint is not None:
            connection = connection.replace(str(self.lake.account.blob_endpoint), self.endpoint)
        env = {
            **os.environ,
            "EventHubConnection": "unused",
            "Lake": connection,
            "VISITOR_ID_KEY": "0123456789abcdef",
            "LAKE_CONTAINER": self.lake.settings.lake_container,
            "CONFIG_CONTAINER": self.lake.settings.lake_container,
            "ALLOW_SHORT_KEYS": self.allow_short_keys,
        }
        done = subprocess.run(
            [sys.executable, "-m", "clickstream.sites", *arguments], env=env, capture_output=True, text=True, timeout=90
        )
        return done.returncode, done.stdout, done.stderr

    def folder_run(self, command: str, *arguments: str) -> tuple[int, str, str]:
        return self.run(command, "--folder", str(self.folder), *arguments)

    def write(self, name: str, text: str) -> None:
        (self.folder / f"{name}.yaml").write_text(text)

    def stored(self) -> dict[str, str]:
        """Every document in force."""
        with BlobServiceClient.from_connection_string(self.lake.azurite.connection_string) as client:
            container = client.get_container_client(self.lake.settings.lake_container)
            names = [blob.name for blob in container.list_blobs("sites/")]
            return {name: container.download_blob(name).readall().decode() for name in names}


@pytest.fixture
def command(azurite: Azurite, tmp_path: Path) -> Command:
    return Command(make_lake(azurite), tmp_path)


def test_documents_are_planned_applied_and_removed(command: Command) -> None:
    command.write("shop", SHOP)
    command.write("blog", BLOG)
    code, out, error = command.folder_run("plan")
    assert (code, error) == (0, "")
    assert out.splitlines()[0] == "+ blog"
    assert "    + events/definitions/purchase@1/properties/value/required: true" in out
    assert "shop-read-key" not in out
    assert command.stored() == {}

    code, out, _ = command.folder_run("apply")
    assert (code, out.splitlines()[-2:]) == (0, ["added sites/blog.yaml", "added sites/shop.yaml"])
    assert command.stored() == {"sites/blog.yaml": BLOG, "sites/shop.yaml": SHOP}

    (command.folder / "blog.yaml").unlink()
    command.write("shop", SHOP + "time_zone: Europe/Berlin\n")
    code, out, _ = command.folder_run("apply")
    assert (code, out.splitlines()) == (
        0,
        [
            "- blog    (not in the folder; stays in force unless `apply --delete`)",
            "~ shop",
            '    + time_zone: "Europe/Berlin"',
            "changed sites/shop.yaml",
        ],
    )
    assert set(command.stored()) == {"sites/blog.yaml", "sites/shop.yaml"}
    code, out, _ = command.folder_run("apply", "--delete")
    assert (code, out.splitlines()) == (0, ["- blog", "unchanged: shop", "removed sites/blog.yaml"])
    assert set(command.stored()) == {"sites/shop.yaml"}


def test_a_wrong_document_changes_nothing_and_every_problem_is_told(command: Command) -> None:
    command.write("shop", SHOP.replace("type: number", "type: nummer") + "colour: red\n")
    command.write("blog", BLOG.replace("blog-web", "shop-web"))
    command.write("news", BLOG.replace("site: blog", "site: news"))
    command.write("tips", BLOG.replace("site: blog", "site: tips").replace("blog-web", "shop-web"))
    code, out, error = command.folder_run("apply")
    assert (code, out) == (2, "")
    assert [line.split(": ")[:2] for line in error.splitlines()] == [
        ["shop.yaml", "/events/definitions/0/properties/value/type"],
        ["shop.yaml", "/colour"],
        ["tips.yaml", "/keys/0/key"],
    ]
    assert command.stored() == {}


def test_what_is_stored_and_cannot_be_used_is_named_by_the_plan_and_replaced(command: Command) -> None:
    command.write("shop", SHOP)
    command.lake.put("sites/shop.yaml", b"site: [broken")
    command.lake.put("sites/old.yaml", b"x" * 300_000)
    command.lake.put("sites/archive/shop.yaml", b"site: shop\n")
    code, out, _ = command.folder_run("plan")
    assert (code, [line for line in out.splitlines() if not line.startswith("    +")][:2]) == (
        0,
        [
            "- old    (not in the folder; stays in force unless `apply --delete`)",
            "    ! what is stored cannot be used: a document has at most 262144 bytes",
        ],
    )
    assert "~ shop\n    ! what is stored cannot be used: not YAML" in out
    assert "archive" not in out
    assert command.folder_run("apply", "--delete")[0] == 0
    assert command.stored() == {"sites/shop.yaml": SHOP, "sites/archive/shop.yaml": "site: shop\n"}


async def test_of_a_document_that_is_too_long_nothing_is_loaded_and_what_lies_deeper_is_none(command: Command) -> None:
    command.lake.put("sites/shop.yaml", b"x" * 300_000)
    command.lake.put("sites/archive/blog.yaml", BLOG.encode())
    documents = BlobSiteDocuments(command.lake.account.container(command.lake.settings.lake_container))
    assert list(await documents.versions()) == ["sites/shop.yaml"]
    with pytest.raises(InvalidSite, match="at most 262144 bytes"):
        await documents.read("sites/shop.yaml")


@pytest.mark.parametrize("allowed", ["false", "true"])
def test_a_secret_key_that_can_be_guessed_is_refused_before_it_is_in_force(command: Command, allowed: str) -> None:
    command.write("shop", SHOP)
    command.allow_short_keys = allowed
    code, _, error = command.folder_run("plan")
    assert code == (2 if allowed == "false" else 0)
    if code:
        assert error.startswith("shop.yaml: /keys/1/key: a key of kind read has at least 16 characters, not 13")


def test_a_document_that_was_changed_meanwhile_is_neither_overwritten_nor_removed(command: Command) -> None:
    documents = EditableBlobSiteDocuments(command.lake.account.container(command.lake.settings.lake_container))
    first = StoredDocument(b"one", documents.write("sites/shop.yaml", b"one", None))
    assert documents.fetch("sites/shop.yaml") == first
    with pytest.raises(Conflict):
        documents.write("sites/shop.yaml", b"made twice", None)
    second = StoredDocument(b"two", documents.write("sites/shop.yaml", b"two", first.version))
    with pytest.raises(Conflict):
        documents.write("sites/shop.yaml", b"late", first.version)
    with pytest.raises(Conflict):
        documents.delete("sites/shop.yaml", first)
    assert command.stored() == {"sites/shop.yaml": "two"}
    documents.delete("sites/shop.yaml", second)
    with pytest.raises(Conflict):
        documents.write("sites/shop.yaml", b"gone", second.version)
    with pytest.raises(Unavailable):
        documents.fetch("sites/shop.yaml")


class MeddledStorage(FailingStorage):
    """Somebody else changes a document after it was read and right before the first write."""

    meddle: Callable[[], None] | None = None

    def _pass_on(self, request: BaseHTTPRequestHandler) -> tuple[int, list[tuple[str, str]], bytes]:
        if request.command == "PUT" and self.meddle is not None:
            meddle, self.meddle = self.meddle, None
            meddle()
        return super()._pass_on(request)


@pytest.mark.parametrize("arguments", [(), ("--delete",)])
def test_apply_refuses_to_overwrite_what_somebody_changed_meanwhile(
    command: Command, arguments: tuple[str, ...]
) -> None:
    command.write("shop", SHOP)
    command.write("blog", BLOG)
    assert command.folder_run("apply")[0] == 0
    command.write("shop", SHOP + "time_zone: Europe/Berlin\n")
    if arguments:
        (command.folder / "blog.yaml").unlink()
    changed = "sites/blog.yaml" if arguments else "sites/shop.yaml"
    theirs = {**command.stored(), changed: f"{command.stored()[changed]}# theirs\n"}
    endpoint = command.lake.account.blob_endpoint
    assert endpoint is not None
    with MeddledStorage(endpoint) as storage:
        storage.meddle = lambda: command.lake.put(changed, theirs[changed].encode())
        meddled = Command(command.lake, command.folder, storage.endpoint)
        code, out, error = meddled.folder_run("apply", *arguments)
    assert (code, error) == (3, f"{changed} was changed by somebody else since it was read; look at the plan again\n")
    assert changed not in out
    assert command.stored() == theirs


def test_lint_tells_what_the_table_and_the_definitions_disagree_on(command: Command) -> None:
    command.write("shop", SHOP)
    assert command.folder_run("apply")[0] == 0
    now = datetime.now(UTC)
    rows = [
        event(f"e{number}", "shop", now, event_type="custom", event_name="purchase", properties=json.dumps(properties))
        for number, properties in enumerate([{"value": 1}, {"value": 2}, {"value": "3"}, {"colour": "red"}])
    ]
    unknown = event("e9", "shop", now, event_type="custom", event_name="search")
    old = event("e10", "shop", now - timedelta(days=9), event_type="custom", event_name="long_ago")
    other = event("e11", "blog", now, event_type="custom", event_name="elsewhere")
    command.lake.append(*rows, unknown, old, other, event("e12", "shop", now))
    command.lake.append_failed({**failed_event("f1", "shop"), "received_at": now, "failed_date": now.date()})

    code, out, error = command.run("lint", "shop", "--json")
    assert (code, error) == (0, "")
    report = json.loads(out)
    assert (report["site"], report["events"]) == ("shop", 6)
    assert report["definitions"] == [
        {"name": "purchase", "version": "1", "events": 4, "events_with_violations": 2},
        {"name": "signup", "version": "1", "events": 0, "events_with_violations": 0},
    ]
    found = [(one["kind"], one["event"], one["pointer"], one["code"], one["share"]) for one in report["findings"]]
    assert found == [
        ("never_arrived", "signup", "", "", None),
        ("undefined_event", "search", "", "", None),
        ("drift", "purchase", "/properties/colour", "unknown_property", 0.25),
        ("drift", "purchase", "/properties/value", "required", 0.25),
        ("drift", "purchase", "/properties/value", "type", 0.25),
        ("failed_events", "", "/name", "schema_violation", None),
    ]

    command.write("shop", SHOP.replace("signup", "search"))
    code, out, _ = command.folder_run("lint", "shop", "--strict", "--days", "10")
    assert code == 1
    assert "defined, never arrived" not in out
    assert "long_ago" in out


def test_lint_of_a_site_without_events_or_without_a_document(command: Command) -> None:
    command.write("blog", BLOG)
    assert command.folder_run("apply")[0] == 0
    assert command.run("lint", "blog", "--strict")[0] == 0
    code, out, error = command.run("lint", "no-such-site")
    assert (code, out, error) == (1, "", "sites/no-such-site.yaml cannot be read\n")


def test_the_schema_needs_no_settings(command: Command) -> None:
    code, out, _ = command.run("schema")
    assert code == 0
    assert json.loads(out)["title"] == "Site"
