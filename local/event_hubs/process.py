"""Run the emulator as a child process, for the local stack and for tests."""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from .assertions import ReceivingHub
from .config import DEFAULT_KEY, DEFAULT_KEY_NAME
from .processes import Child, Service, require_free_port

ROOT = Path(__file__).parents[__name__.count(".")]
# Within a checkout `python -m` finds this package only from the root folder; if it is installed, from any folder.
START_IN = ROOT if __name__.count(".") > 1 else None
NAMESPACE = "local"


@dataclass(frozen=True, slots=True)
class CaptureSettings:
    """Capture to a storage account. With a queue, each file is announced there as an Event Grid event."""

    storage_connection_string: str
    container: str = "capture"
    window_seconds: int = 5
    size_limit_bytes: int = 314_572_800
    skip_empty: bool = False
    queue: str | None = None

    def as_config(self) -> dict[str, object]:
        """The section `Capture` of a Config.json."""
        return {
            "StorageConnectionString": self.storage_connection_string,
            "Container": self.container,
            "IntervalInSeconds": self.window_seconds,
            "SizeLimitInBytes": self.size_limit_bytes,
            "SkipEmptyArchives": self.skip_empty,
            "Queue": self.queue,
        }


@dataclass(frozen=True, slots=True)
class CaptureToFolder:
    """Capture to files `{folder}/local/{hub}/{partition}/...`, without a storage account."""

    folder: Path
    window_seconds: int = 5
    size_limit_bytes: int = 314_572_800
    skip_empty: bool = False

    def as_config(self) -> dict[str, object]:
        """The section `Capture` of a Config.json."""
        return {
            "Folder": str(self.folder.resolve()),
            "IntervalInSeconds": self.window_seconds,
            "SizeLimitInBytes": self.size_limit_bytes,
            "SkipEmptyArchives": self.skip_empty,
        }


class EventHubsEmulator(Service):
    """One emulator process. `hubs` maps names to numbers of partitions; port 0 means any free port.

    The events are lost when it stops.
    """

    def __init__(
        self,
        folder: Path,
        hubs: Mapping[str, int],
        *,
        port: int = 0,
        admin_port: int = 0,
        capture: CaptureSettings | CaptureToFolder | None = None,
        consumer_groups: tuple[str, ...] = (),
        retention_bytes: int = 67_108_864,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._hubs = hubs
        self._requested_ports = (port, admin_port)
        self._capture = capture
        self._groups = consumer_groups
        self._retention_bytes = retention_bytes
        self._env = env
        self.port = port
        self.admin_url = ""

    @property
    def connection_string(self) -> str:
        """The connection string of the namespace, as the SDKs take it."""
        return (
            f"Endpoint=sb://localhost:{self.port};SharedAccessKeyName={DEFAULT_KEY_NAME};"
            f"SharedAccessKey={DEFAULT_KEY};UseDevelopmentEmulator=true;"
        )

    def start(self) -> Self:
        """Return once the emulator accepts connections. Raise StartFailed with the reason if it does not."""
        if self._requested_ports[0]:
            require_free_port(self._requested_ports[0], "EVENT_HUBS_PORT")
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "Config.json"
        config.write_text(json.dumps(self._config(), indent=2))
        child = Child(
            "event hubs emulator",
            [
                sys.executable, "-m", str(__package__), "--config", str(config.resolve()),
                "--port", str(self._requested_ports[0]), "--admin-port", str(self._requested_ports[1]),
            ],
            self._folder / "event_hubs.log",
            env=self._env,
            cwd=START_IN,
        )  # fmt: skip
        self._run(child, lambda: "ready amqp" in child.log.read_text(errors="replace"), seconds=30)
        ready = re.search(r"ready amqp://[\d.]+:(\d+) admin (\S+)", child.log.read_text(errors="replace"))
        assert ready is not None, "the log has the line"
        self.port, self.admin_url = int(ready[1]), ready[2]
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

    def hub(self, name: str) -> ReceivingHub:
        """The received events of a hub. Its methods raise ValueError if there is no such hub."""
        return ReceivingHub(name, self._ask)

    def state(self) -> dict[str, Any]:
        """Counts per hub and partition, and the active faults."""
        state: dict[str, Any] = self._ask("GET", "/")
        return state

    def stored(self, hub: str | None = None) -> int:
        """Number of events stored since the start, in one hub or in all."""
        return self._total("stored", hub)

    def captured(self, hub: str | None = None) -> int:
        """Number of events in Capture files, in one hub or in all."""
        return self._total("captured_sequence_number", hub)

    def flush_capture(self) -> None:
        """Return once all events stored now are in Capture files."""
        self._ask("POST", "/capture/flush")

    def fault(self, point: str, action: str, **more: object) -> None:
        """Activate a fault; `more` are further fields of faults.Rule. Raise ValueError for an invalid rule."""
        self._ask("POST", "/faults", {"point": point, "action": action, **more})

    def clear_faults(self) -> None:
        """Deactivate all faults."""
        self._ask("DELETE", "/faults")

    def drop_connections(self) -> int:
        """Close every connection. Return the number of connections."""
        dropped: int = self._ask("POST", "/drop")["dropped"]
        return dropped

    def _total(self, name: str, hub: str | None) -> int:
        hubs = self.state()["hubs"]
        selected = hubs.values() if hub is None else [hubs[hub]]
        extra = 1 if name == "captured_sequence_number" else 0  # a count is the last sequence number plus one
        return sum(
            partition[name] + extra
            for partitions in selected
            for partition in partitions.values()
            if partition[name] is not None
        )

    def _ask(self, method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.admin_url}{path}", data=data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=90) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            raise ValueError(json.loads(error.read())["error"]) from None
