"""Serving the app: one process, or several on one socket."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from local.functions_host.app import HostApp, HostOptions
from local.functions_host.indexing import index_app
from local.functions_host.invoking import invocation_id
from local.functions_host.settings import InvalidApp, load_settings


@dataclass(frozen=True, slots=True)
class Serving:
    """What was asked for on the command line."""

    app_dir: Path
    workers: int
    enable_auth: bool
    flex: bool
    strict: bool
    master_key: str
    function_key: str


class _WithInvocation(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.invocation = invocation_id.get()
        return True


class _Server(uvicorn.Server):
    """Says `ready` once it serves."""

    def __init__(self, config: uvicorn.Config, ready: str | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready and not self.should_exit:
            print(self._ready, flush=True)


def serve(listener: socket.socket, asked: Serving, number: int) -> None:
    """One worker process; number 0 runs the timers and queues. Exits with 1 for an app that cannot be started."""
    handler = logging.StreamHandler()
    handler.addFilter(_WithInvocation())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(invocation)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("azure", "uamqp"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    app_dir = asked.app_dir.resolve()
    try:
        settings = load_settings(app_dir, os.environ)
        functions = index_app(app_dir, os.environ)
        options = HostOptions(
            enable_auth=asked.enable_auth,
            master_key=asked.master_key,
            function_key=asked.function_key,
            flex=asked.flex,
            strict=asked.strict,
            runs_jobs=number == 0,
        )
        state = Path(os.environ.get("FUNCTIONS_HOST_STATE_DIR", app_dir / ".local" / "functions_host"))
        app = HostApp(functions, settings, options, app_dir, state, os.environ)
    except (InvalidApp, ValueError) as problem:
        print(f"cannot start: {problem}", file=sys.stderr, flush=True)
        sys.exit(1)
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # X-Forwarded-For is the app's to judge
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    port = listener.getsockname()[1]
    _Server(config, f"ready http://localhost:{port}" if number == 0 else None).run(sockets=[listener])


def supervise(listener: socket.socket, asked: Serving) -> int:
    """Several workers on one socket; one that dies is started again."""
    context = multiprocessing.get_context("spawn")
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def start(index: int) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=serve, args=(listener, asked, index))
        process.start()
        return process

    workers = [start(index) for index in range(asked.workers)]
    failed = False
    while not stopped and not failed:
        time.sleep(0.1)
        for index, worker in enumerate(workers):
            if worker.exitcode == 1:  # the app itself cannot be started; again would be the same
                failed = True
            elif worker.exitcode is not None:
                print(f"worker {index} ended with {worker.exitcode} and is started again", file=sys.stderr, flush=True)
                workers[index] = start(index)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(10)
        worker.kill()
    return 1 if failed else 0
