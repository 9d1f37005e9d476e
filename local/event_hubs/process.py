"""The emulator as a child process, for the local stack and for tests."""

from __future__ import annotations

import json
import re
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.event_hubs.config import DEFAULT_KEY, DEFAULT_KEY_NAME
from local.processes import Child, Service, require_free_port

ROOT = Path(__file__).parents[2]
NAMESPACE = "local"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Where and how Capture writes."""

    storage_connection_string: str
    container: str = "capture"
    window_seconds: int = 5
    size_limit_bytes: int = 314_572_800
    skip_empty: bool = False
    queue: str | None = None

    def as_config(self) -> dict[str, object]:
        return {
            "StorageConnectionString": self.storage_connection_string,
            "Container": self.container,
            "IntervalInSeconds": self.window_seconds,
            "SizeLimitInBytes": self.size_limit_bytes,
            "SkipEmptyArchives": self.skip_empty,
            "Queue": self.queue,
        }


class EventHubsEmulator(Service):
    """One running emulator; hubs are given as name -> number of partitions. Its events are gone when it stops."""

    def __init__(
        self,
        folder: Path,
        hubs: Mapping[str, int],
        *,
        port: int = 0,
        admin_port: int = 0,
        capture: CaptureSettings | None = None,
        consumer_groups: tuple[str, ...] = (),
        retention_bytes: int = 67_108_864,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._hubs = hubs
        self._asked = (port, admin_port)
        self._capture = capture
        self._groups = consumer_groups
        self._retention_bytes = retention_bytes
        self._env = env
        self.port = port
        self.admin_url = ""

    @property
    def connection_string(self) -> str:
        return (
            f"Endpoint=sb://localhost:{self.port};SharedAccessKeyName={DEFAULT_KEY_NAME};"
            f"SharedAccessKey={DEFAULT_KEY};UseDevelopmentEmulator=true;"
        )

    def start(self) -> Self:
        """Return once it listens. Raise StartFailed with the reason when it does not."""
        if self._asked[0]:
            require_free_port(self._asked[0], "EVENT_HUBS_PORT")
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "Config.json"
        config.write_text(json.dumps(self._config(), indent=2))
        child = Child(
            "event hubs emulator",
            [
                sys.executable, "-m", "local.event_hubs", "--config", str(config),
                "--port", str(self._asked[0]), "--admin-port", str(self._asked[1]),
            ],
            self._folder / "event_hubs.log",
            env=self._env,
            cwd=ROOT,
        )  # fmt: skip
        self._run(child, lambda: "ready amqp" in child.log.read_text(errors="replace"), seconds=30)
        found = re.search(r"ready amqp://[\d.]+:(\d+) admin (\S+)", child.log.read_text(errors="replace"))
        assert found is not None, "the line was there"
        self.port, self.admin_url = int(found[1]), found[2]
        return self

    def _config(self) -> dict[str, object]:
        entities = [
            {"Name": name, "PartitionCount": count, "ConsumerGroups": [{"Name": group} for group in self._groups]}
            for name, count in self._hubs.items()
        ]
        user: dict[str, object] = {
            "NamespaceConfig": [{"Type": "EventHub", "Name": NAMESPACE, "Entities": entities}],
            "RetentionInBytes": self._retention_bytes,
        }
        if self._capture is not None:
            user["Capture"] = self._capture.as_config()
        return {"UserConfig": user}

    def state(self) -> dict[str, Any]:
        """Counts per hub and partition, and the faults in force."""
        state: dict[str, Any] = self._ask("GET", "/")
        return state

    def stored(self, hub: str | None = None) -> int:
        """Events ever stored, in one hub or in all."""
        return self._total("stored", hub)

    def captured(self, hub: str | None = None) -> int:
        """Events that stand in Capture's files, in one hub or in all."""
        return self._total("captured_sequence_number", hub)

    def flush_capture(self) -> None:
        """Return once all that is stored now stands in files."""
        self._ask("POST", "/capture/flush")

    def fault(self, point: str, action: str, **more: object) -> None:
        """Put a fault in force; the fields are those of faults.Rule."""
        self._ask("POST", "/faults", {"point": point, "action": action, **more})

    def clear_faults(self) -> None:
        self._ask("DELETE", "/faults")

    def drop_connections(self) -> int:
        """Cut every connection; returns how many there were."""
        dropped: int = self._ask("POST", "/drop")["dropped"]
        return dropped

    def _total(self, name: str, hub: str | None) -> int:
        hubs = self.state()["hubs"]
        chosen = hubs.values() if hub is None else [hubs[hub]]
        extra = 1 if name == "captured_sequence_number" else 0  # the last number, counted from zero
        return sum(
            partition[name] + extra
            for partitions in chosen
            for partition in partitions.values()
            if partition[name] is not None
        )

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.admin_url}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
