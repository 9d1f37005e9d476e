"""The configuration: the official emulator's shape, and every problem at once."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from local.event_hubs import faults
from local.event_hubs.config import DEFAULT_KEY, DEFAULT_KEY_NAME, Capture, FolderCapture, InvalidConfig, parse_config

OFFICIAL: dict[str, Any] = {
    "UserConfig": {
        "NamespaceConfig": [
            {
                "Type": "EventHub",
                "Name": "emulatorNs1",
                "Entities": [{"Name": "eh1", "PartitionCount": "2", "ConsumerGroups": [{"Name": "cg1"}]}],
            }
        ],
        "LoggingConfig": {"Type": "File"},
    }
}


def test_the_official_emulators_own_file_is_understood() -> None:
    config = parse_config(json.dumps(OFFICIAL).encode())
    (hub,) = config.namespace.entities
    assert (config.namespace.name, hub.name, hub.partition_count) == ("emulatorNs1", "eh1", 2)
    assert [group.name for group in hub.consumer_groups] == ["cg1"]
    assert config.capture is None
    assert dict(config.keys) == {DEFAULT_KEY_NAME: DEFAULT_KEY}


def test_capture_and_keys_are_sections_of_our_own() -> None:
    user = {
        **OFFICIAL["UserConfig"],
        "Capture": {"StorageConnectionString": "UseDevelopmentStorage=true", "IntervalInSeconds": 1},
        "Keys": {"sender": "secret"},
        "RetentionInBytes": 2_000_000,
    }
    config = parse_config(json.dumps({"UserConfig": user}).encode())
    assert isinstance(config.capture, Capture)
    assert (config.capture.interval_in_seconds, config.capture.container) == (1, "capture")
    assert (dict(config.keys), config.retention_bytes) == ({"sender": "secret"}, 2_000_000)


def test_capture_into_a_folder_is_told_from_capture_into_storage() -> None:
    def parsed(**capture: object) -> object:
        user = {**OFFICIAL["UserConfig"], "Capture": capture}
        return parse_config(json.dumps({"UserConfig": user}).encode()).capture

    assert parsed(Folder="captured") == FolderCapture.model_validate({"Folder": "captured"})
    with pytest.raises(InvalidConfig, match=r"Capture\.Container: Extra inputs"):
        parsed(Folder="captured", Container="capture")
    with pytest.raises(InvalidConfig, match=r"Capture\.StorageConnectionString: Field required"):
        parsed(Container="capture")


def test_every_problem_is_named_at_once() -> None:
    entities = [{"Name": "a", "PartitionCount": 33}, {"Name": "b c"}, {"Name": "d"}, {"Name": "D"}]
    user = {
        "NamespaceConfig": [{"Name": "ns", "Entities": entities}, {"Name": "ns", "Entities": entities[2:]}],
        "Capture": {"StorageConnectionString": "nonsense", "IntervalInSeconds": 0},
        "Unknown": 1,
    }
    with pytest.raises(InvalidConfig) as caught:
        parse_config(json.dumps({"UserConfig": user}).encode())
    for place in (
        "Entities.0.PartitionCount",
        "Entities.1.Name",
        "duplicate names: d",
        "Capture.StorageConnectionString",
        "Capture.IntervalInSeconds",
        "Unknown",
    ):
        assert place in str(caught.value), place


def test_the_documented_configuration_and_faults_are_the_real_ones() -> None:
    readme = (Path(faults.__file__).parent / "README.md").read_text()
    example = re.search(r"```json\n(.*?)```", readme, re.DOTALL)
    assert example is not None
    assert parse_config(example[1].encode()).capture is not None
    documented = {
        point: set(re.findall(r"`(\w+)`", re.sub(r"\([^)]*\)", "", actions)))
        for points, actions in re.findall(r"^\| (`.*?`) \| (`.*) \|$", readme, re.MULTILINE)
        for point in re.findall(r"`(\w+)`", points)
        if point in faults.ACTIONS
    }
    assert documented == {point: set(actions) for point, actions in faults.ACTIONS.items()}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff"])
def test_what_is_no_configuration_is_refused(text: bytes) -> None:
    with pytest.raises(InvalidConfig):
        parse_config(text)
