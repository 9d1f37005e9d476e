"""Serve the app with one process, or with several on one socket."""

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
from local.functions_host.invoking import Invoker, LocalInvoker, invocation_id, thread_storage
from local.functions_host.settings import InvalidApp, load_settings


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The options of the command line."""

    app_dir: Path
    workers: int
    enable_auth: bool
    flex: bool
    strict: bool
    microsoft: bool
    master_key: str
    function_key: str


class _WithInvocation(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        # As the worker does up to Python 3.12: a thread of the app sets the invocation id of its lines.
        record.invocation = getattr(thread_storage, "invocation_id", invocation_id.get())
        return True


class _Server(uvicorn.Server):
    """Prints a line once it serves."""

    def __init__(self, config: uvicorn.Config, ready: str | None) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._ready and not self.should_exit:
            print(self._ready, flush=True)


def serve(listener: socket.socket, options: ServeOptions, number: int) -> None:
    """Run one worker process. Number 0 also runs the timers and queues. Exit with 1 if the app cannot start."""
    handler = logging.StreamHandler()
    handler.addFilter(_WithInvocation())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(invocation)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    app_dir = options.app_dir.resolve()
    try:
        settings = load_settings(app_dir, os.environ)
        if options.flex:
            os.environ["WEBSITE_SKU"] = "FlexConsumption"  # as the platform sets it
        functions = index_app(app_dir, os.environ)
        host_options = HostOptions(
            enable_auth=options.enable_auth,
            master_key=options.master_key,
            function_key=options.function_key,
            flex=options.flex,
            strict=options.strict,
            runs_jobs=number == 0,
        )
        state = Path(os.environ.get("FUNCTIONS_HOST_STATE_DIR", app_dir / ".local" / "functions_host"))
        app = HostApp(functions, settings, host_options, _invoker(options, app_dir), state, os.environ)
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
        proxy_headers=False,  # the app evaluates X-Forwarded-For
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    port = listener.getsockname()[1]
    _Server(config, f"ready http://localhost:{port}" if number == 0 else None).run(sockets=[listener])


def _invoker(options: ServeOptions, app_dir: Path) -> Invoker:
    if not options.microsoft:
        return LocalInvoker(str(app_dir))
    from local.functions_host.microsoft import MicrosoftInvoker

    return MicrosoftInvoker(app_dir)


def supervise(listener: socket.socket, options: ServeOptions) -> int:
    """Run several workers on one socket, and restart those that exit. Return 1 if the app cannot start."""
    context = multiprocessing.get_context("spawn")
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def start(index: int) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=serve, args=(listener, options, index))
        process.start()
        return process

    workers = [start(index) for index in range(options.workers)]
    failed = False
    while not stopped and not failed:
        time.sleep(0.1)
        for index, worker in enumerate(workers):
            if worker.exitcode == 1:  # the app cannot start, and a restart would not help
                failed = True
            elif worker.exitcode is not None:
                print(f"worker {index} exited with {worker.exitcode} and is restarted", file=sys.stderr, flush=True)
                workers[index] = start(index)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(10)
        worker.kill()
    return 1 if failed else 0
