"""The command: run an Event Hubs emulator with Capture until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .admin import Admin
from .broker import Broker
from .capture import Capture
from .config import Config, parse_config
from .connection import Connection
from .frames import IDLE_MS

HOST = "127.0.0.1"
FLUSH_SECONDS = 10.0
# The installed command; within a checkout the emulator runs as a module.
COMMAND = "event-hubs-emulator" if __package__.count(".") == 0 else f"python -m {__package__}"


async def serve(config: Config, port: int, admin_port: int) -> None:
    """Serve until a signal, then write the remaining events with Capture. Raise OSError if a port is in use."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    broker = Broker(config, int(os.environ.get("EVENT_HUBS_IDLE_MS", IDLE_MS)))
    capture = Capture(broker, config.capture) if config.capture is not None else None
    amqp = await loop.create_server(lambda: Connection(broker), HOST, port)
    admin = await asyncio.start_server(Admin(broker, capture).serve, HOST, admin_port)
    ports = [server.sockets[0].getsockname()[1] for server in (amqp, admin)]
    # The stored events are plain data without cycles. Garbage collection would stall the loop and free nothing.
    gc.freeze()
    gc.disable()
    print(f"ready amqp://{HOST}:{ports[0]} admin http://{HOST}:{ports[1]}", flush=True)
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({stopping, *(capture.tasks if capture is not None else ())}, return_when=asyncio.FIRST_COMPLETED)
    amqp.close()
    broker.drop_connections()
    if capture is not None and (lost := await capture.close(FLUSH_SECONDS)):
        print(f"ended before {lost} events were captured", file=sys.stderr, flush=True)
        os._exit(1)  # a normal exit would wait for threads, and one may hang in an upload
    admin.close()


def document(hubs: Sequence[str], folder: Path | None) -> bytes:
    """A Config.json for hubs given as `name` or `name:partitions`. With a folder, Capture writes there each minute."""
    named = [hub.partition(":") for hub in hubs]
    entities = [{"Name": name, **({"PartitionCount": count} if colon else {})} for name, colon, count in named]
    capture = {"Capture": {"Folder": str(folder.resolve()), "IntervalInSeconds": 60}} if folder is not None else {}
    namespace = {"Type": "EventHub", "Name": "local", "Entities": entities}
    return json.dumps({"UserConfig": {"NamespaceConfig": [namespace], **capture}}).encode()


def main() -> int:
    """Return the exit code: 1 for an invalid configuration or a port in use."""
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--config", type=Path, help="a Config.json in the official emulator's format")
    chosen.add_argument("--hub", action="append", metavar="NAME[:PARTITIONS]", help="a hub; repeat for several")
    parser.add_argument(
        "--capture-folder", type=Path, help="with --hub: write Capture files below this folder, one a minute"
    )
    parser.add_argument("--port", type=int, default=5672, help="AMQP port; 0 for any free port")
    parser.add_argument("--admin-port", type=int, default=5300, help="port of the admin API; 0 for any free port")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        config = parse_config(
            document(arguments.hub, arguments.capture_folder) if arguments.hub else arguments.config.read_bytes()
        )
        asyncio.run(serve(config, arguments.port, arguments.admin_port))
    except (ValueError, OSError) as problem:
        print(f"cannot start: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
