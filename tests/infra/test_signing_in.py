"""Commands are run by people and pipelines, who sign in: nothing of the lake's account opens by a key."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.conftest import Keyless
from tests.infra.running import ROOT, run_command

pytestmark = pytest.mark.integration
SITE = "site: shop\nkeys:\n  - {kind: public, key: shop-key}\n"
COMMANDS = (
    ["sites", "plan", "--folder", "sites"],
    ["sites", "lint", "shop"],
    ["compacting"],
    ["maintaining"],
    ["replaying", "shop"],
    ["erasing", "export", "shop", "--user", "u"],
    ["enriching", "rerun", "--from", "2026-01-01", "--to", "2026-01-02"],
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "shop.yaml").write_text(SITE)
    return tmp_path


def test_whoever_is_signed_in_puts_documents_in_force(keyless: Keyless, folder: Path) -> None:
    ran = run_command(["sites", "apply", "--folder", "sites"], folder, keyless.environment)
    assert ran.returncode == 0, ran.stderr
    blob = keyless.service.get_blob_client("config", "sites/shop.yaml")
    assert bytes(blob.download_blob().readall()) == SITE.encode()


def test_whoever_is_signed_in_writes_and_reads_tables(keyless: Keyless, folder: Path) -> None:
    code = """
import os, pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from clickstream.storage.account import StorageAccount, table_uri
from clickstream.settings import Settings
account = StorageAccount.from_connection(Settings.from_env(os.environ).lake)
uri, options = table_uri("lake", "signed-in"), account.delta_options()
for n in (1, 2):
    write_deltalake(uri, pa.table({"n": [n]}), mode="append", storage_options=options)
print(sorted(DeltaTable(uri, storage_options=options).to_pyarrow_table()["n"].to_pylist()))
"""
    environment = {
        "EventHubConnection": "Endpoint=sb://unused.invalid;",
        "PYTHONPATH": str(ROOT),
        **keyless.environment,
    }
    ran = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.stdout == "[1, 2]\n", ran.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_whoever_is_not_signed_in_is_told_so_and_nothing_else(
    command: list[str], keyless: Keyless, folder: Path
) -> None:
    environment = {name: value for name, value in keyless.environment.items() if name not in ("FAKE_TOKEN", "PATH")}
    ran = run_command(command, folder, {**environment, "PATH": "/nowhere"})
    assert ran.returncode != 0
    assert ran.stderr.strip().startswith("nobody is signed in to storage: `az login` or `azd auth login`"), ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1, ran.stderr


def test_origins_whose_preflights_the_platform_refuses_are_named_with_the_plan(keyless: Keyless, folder: Path) -> None:
    origins = 'origins: ["https://shop.example", "https://new.example", "https://*.shop.example"]\n'
    (folder / "sites" / "shop.yaml").write_text(SITE + origins)
    plan = ["sites", "plan", "--folder", "sites"]
    listed = run_command(plan, folder, {**keyless.environment, "ALLOWED_ORIGINS": "https://shop.example"})
    assert listed.returncode == 0, listed.stderr
    refused = [line.split(" is not")[0] for line in listed.stdout.splitlines() if line.startswith("! ")]
    assert refused == ["! shop: https://new.example", "! shop: https://*.shop.example"]
    unlisted = run_command(plan, folder, keyless.environment)  # on no plan that answers by itself
    assert "ALLOWED_ORIGINS" not in unlisted.stdout
