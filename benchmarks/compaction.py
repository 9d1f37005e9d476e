"""What compaction costs: captured Avro to committed Delta, as ratios to the plain Parquet write of the same table.

The plain write does none of the work (no download, no Avro, no JSON, no search for copies, no sort); it is the floor.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq
from azure.storage.blob import BlobServiceClient
from deltalake import DeltaTable

from clickstream.compacting.compactor import Compactor
from clickstream.compacting.progress import HubState
from clickstream.compacting.report import Report
from clickstream.event import Event
from clickstream.lake.storage import StorageAccount, table_uri
from clickstream.settings import Connection, Settings
from local.azurite import Azurite
from local.event_hubs.avro import Record, write_file
from local.processes import free_port

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
FILES = 16
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"


class NoHubs:
    """Nobody to ask; completeness is not what is measured."""

    def ask(self, hub: str) -> HubState:
        return HubState(NOW, {})


@dataclass
class Cost:
    """Seconds of one way, per round."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def add(self, work: Callable[[], None]) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)


def event(number: int, random: Random) -> bytes:
    """About 1.1 KB of body, of the shapes that a shop's events have."""
    occurred_at = NOW - timedelta(seconds=random.uniform(0, 2 * 86_400))
    path = f"/catalogue/{random.choice('abcdefgh')}/article-{random.randrange(3000)}"
    made = Event(
        event_id=str(UUID(int=random.getrandbits(128))),
        site="shop",
        event_type="page_view" if number % 3 else "custom",
        event_name="page_view" if number % 3 else random.choice(("add_to_cart", "search", "purchase")),
        received_at=occurred_at + timedelta(seconds=1),
        occurred_at=occurred_at,
        created_at=occurred_at,
        sent_at=occurred_at + timedelta(milliseconds=300),
        anonymous_id=f"{random.randrange(20_000):032x}",
        session_id=str(UUID(int=random.randrange(60_000))),
        session_index=random.randrange(1, 9),
        page_url=f"https://shop.example{path}?colour=blue",
        page_host="shop.example",
        page_path=path,
        page_query="colour=blue",
        page_title=f"Article {random.randrange(3000)}",
        referrer="https://www.google.com/",
        referrer_host="www.google.com",
        user_agent=AGENT.format(random.randrange(100, 145)),
        language=random.choice(("en", "de", "fr")),
        screen_width=1920,
        screen_height=1080,
        viewport_width=1280,
        viewport_height=720,
        time_zone="Europe/Berlin",
        ip=f"198.51.{random.randrange(256)}.0",
        consent="full",
        properties={
            "price": random.randrange(10_000) / 100,
            "currency": "EUR",
            "variant": f"{random.getrandbits(64):x}",
        },
        context={"library": {"name": "tracker", "version": "1.0"}},
        dialect="plain",
        fingerprint=f"{random.getrandbits(128):032x}",
    )
    return made.to_json()


def capture(service: BlobServiceClient, events: int) -> int:
    """Write the captured files, a fiftieth of them copies. Returns their bytes."""
    random = Random(1)
    container = service.create_container("capture")
    per_file = events // FILES
    total = 0
    bodies = [event(number, random) for number in range(per_file)]
    for number in range(FILES):
        if number:
            bodies = [*bodies[: per_file // 50], *(event(n, random) for n in range(per_file - per_file // 50))]
        enqueued_ms = int(NOW.timestamp() * 1000) + number * 1000
        records = [
            Record(number * per_file + i, i, enqueued_ms, {"x-opt-enqueued-time": enqueued_ms}, {"site": "shop"}, body)
            for i, body in enumerate(bodies)
        ]
        data = write_file(records, random.randbytes(16))
        total += len(data)
        container.upload_blob(f"local/events/0/2026/03/10/12/00/{number:02}.avro", data)
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compaction", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--events", type=int, default=96_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Azurite(Path(folder) / "data", free_port(), free_port()) as azurite:
        service = BlobServiceClient.from_connection_string(azurite.connection_string)
        size = capture(service, arguments.events)
        account = StorageAccount.from_connection(Connection("Lake", azurite.connection_string))
        plain, compaction = Cost(), Cost()
        report, table = Report(), pa.table({})
        for number in range(arguments.rounds + 1):
            container = f"lake{number}"
            service.create_container(container)
            settings = Settings.from_env(
                {
                    "EventHubConnection": "none",
                    "Lake": azurite.connection_string,
                    "VISITOR_ID_KEY": "0123456789abcdef",
                    "LAKE_CONTAINER": container,
                }
            )

            def compact(settings: Settings = settings) -> None:
                nonlocal report
                report = Compactor(account, settings, NoHubs(), lambda: NOW).run(NOW + timedelta(hours=1))

            compaction.add(compact)
            uri = table_uri(container, "events")
            table = DeltaTable(uri, storage_options=account.delta_options()).to_pyarrow_table()
            target = Path(folder) / "plain.parquet"

            def write_plainly(table: pa.Table = table, target: Path = target) -> None:
                pq.write_table(table, target, compression="zstd")

            plain.add(write_plainly)
            if number == 0:  # the first round only warms up
                plain, compaction = Cost(), Cost()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"compaction of {report.captured} events, {size / 1e6:.0f} MB of Avro in {FILES} files, into {report.rows} rows"
    )
    print("median of rounds; 1.0 is the plain Parquet write of the same table")
    for name, cost in (("plain Parquet write, zstd", plain), ("compaction, download to commit", compaction)):
        wall, cpu = median(cost.wall) / median(plain.wall), median(cost.cpu) / median(plain.cpu)
        print(f"  {name:<34} wall {wall:6.2f}   CPU {cpu:6.2f}   ({median(cost.wall):.2f}, {median(cost.cpu):.2f} s)")
    print(f"  peak memory of the process {peak_mb:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
