"""`@azure/event-hubs`, an AMQP stack that shares nothing with the Python SDK's."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from local.event_hubs.hubs import partition_of_key
from local.event_hubs.process import EventHubsEmulator

pytestmark = pytest.mark.integration
FOLDER = Path(__file__).parent / "node"


def test_the_javascript_client_sends_and_receives(emulator: EventHubsEmulator) -> None:
    done = subprocess.run(
        ["node", str(FOLDER / "exchange.mjs"), emulator.connection_string, "node"],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["partitionIds"], told["lastOfThree"]) == (["0", "1", "2", "3"], 0)
    home = str(partition_of_key("visitor", 4))
    assert home != "3"
    by_partition = sorted(told["received"], key=lambda event: (event["partition"], event["sequence"]))
    assert by_partition == [
        {
            "partition": home,
            "sequence": number,
            "body": {"number": number},
            "key": "visitor",
            "site": "demo",
            "contentType": "application/json",
        }
        for number in range(50)
    ] + [
        {"partition": "3", "sequence": 0, "body": "to-three", "key": None, "site": None, "contentType": None},
    ]


def test_its_lock_file_names_no_place_to_download_from() -> None:
    assert "resolved" not in (FOLDER / "package-lock.json").read_text()
