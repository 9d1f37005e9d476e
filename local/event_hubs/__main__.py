"""`python -m local.event_hubs --config Config.json`: run the emulator until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path

from local.event_hubs.admin import Admin
from local.event_hubs.broker import Broker
from local.event_hubs.capture import Capture
from local.event_hubs.config import Config, parse_config
from local.event_hubs.connection import Connection
from local.event_hubs.frames import IDLE_MS

HOST = "127.0.0.1"
FLUSH_SECONDS = 10.0


async def serve(config: Config, port: int, admin_port: int) -> None:
    """Serve until a signal comes, then let Capture write what is left. Raise OSError for a port that is taken."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    broker = Broker(config, int(os.environ.get("EVENT_HUBS_IDLE_MS", IDLE_MS)))
    capture = Capture(broker, config.capture) if config.capture is not None else None
    amqp = await loop.create_server(lambda: Connection(broker), HOST, port)
    admin = await asyncio.start_server(Admin(broker, capture).serve, HOST, admin_port)
    ports = [server.sockets[0].getsockname()[1] for server in (amqp, admin)]
    # The events held are plain data without cycles; collecting them would stall the loop for nothing.
    gc.freeze()
    gc.disable()
    print(f"ready amqp://{HOST}:{ports[0]} admin http://{HOST}:{ports[1]}", flush=True)
    stopping = asyncio.create_task(stopped.wait())
    await asyncio.wait({stopping, *(capture.tasks if capture is not None else ())}, return_when=asyncio.FIRST_COMPLETED)
    amqp.close()
    broker.drop_connections()
    if capture is not None and (lost := await capture.close(FLUSH_SECONDS)):
        print(f"ended with {lost} events that could not be written", file=sys.stderr, flush=True)
        os._exit(1)  # a thread may still hang in an upload, and would be waited for
    admin.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.event_hubs", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="a Config.json of the official emulator's shape")
    parser.add_argument("--port", type=int, default=5672, help="AMQP; 0 takes any free one")
    parser.add_argument("--admin-port", type=int, default=5300, help="admin HTTP; 0 takes any free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        config = parse_config(arguments.config.read_bytes())
        asyncio.run(serve(config, arguments.port, arguments.admin_port))
    except (ValueError, OSError) as problem:
        print(f"cannot start: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
