"""`python -m local.functions_host start`: serve a function app until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import sys
import time
from pathlib import Path

import uvicorn

from local.functions_host.app import HostApp, HostOptions
from local.functions_host.indexing import index_app
from local.functions_host.invoking import invocation_id
from local.functions_host.settings import InvalidApp, load_settings

HOST = "127.0.0.1"


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


def serve(listener: socket.socket, arguments: argparse.Namespace, keys: tuple[str, str], number: int) -> None:
    """One worker process; number 0 runs the timers and queues. Exits with 1 for an app that cannot be started."""
    handler = logging.StreamHandler()
    handler.addFilter(_WithInvocation())
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(invocation)s] %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for noisy in ("azure", "uamqp"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    app_dir = Path(arguments.app_dir).resolve()
    try:
        settings = load_settings(app_dir, os.environ)
        functions = index_app(app_dir, os.environ)
        options = HostOptions(
            enable_auth=arguments.enable_auth,
            master_key=keys[0],
            function_key=keys[1],
            flex=arguments.plan == "flex",
            strict=arguments.strict,
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
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    port = listener.getsockname()[1]
    _Server(config, f"ready http://localhost:{port}" if number == 0 else None).run(sockets=[listener])


def supervise(listener: socket.socket, arguments: argparse.Namespace, keys: tuple[str, str]) -> int:
    """Several workers on one socket; one that dies is started again."""
    context = multiprocessing.get_context("spawn")
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)

    def start(index: int) -> multiprocessing.process.BaseProcess:
        process = context.Process(target=serve, args=(listener, arguments, keys, index))
        process.start()
        return process

    workers = [start(index) for index in range(arguments.workers)]
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description=__doc__)
    start = parser.add_subparsers(required=True).add_parser("start", help="serve the app")
    start.add_argument("--app-dir", default=".", help="the folder with function_app.py and host.json")
    start.add_argument("--port", type=int, default=7071, help="0 takes any free one")
    start.add_argument("--workers", type=int, default=1, help="processes that serve; the first runs the jobs")
    start.add_argument("--enable-auth", action="store_true", help="ask for keys, as in the cloud")
    start.add_argument("--plan", choices=("flex", "premium"), default="flex", help="whose CORS to have")
    start.add_argument("--strict", action="store_true", help="hand on no body without Content-Length, as the host")
    arguments = parser.parse_args()
    keys = (
        os.environ.get("FUNCTIONS_MASTER_KEY") or secrets.token_urlsafe(24),
        os.environ.get("FUNCTIONS_FUNCTION_KEY") or secrets.token_urlsafe(24),
    )
    if arguments.enable_auth:
        print(f"master key {keys[0]}\nfunction key {keys[1]}", flush=True)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, arguments.port))
    except OSError as error:
        print(f"cannot start: port {arguments.port}: {error.strerror}", file=sys.stderr)
        return 1
    listener.listen(1024)
    listener.set_inheritable(True)
    if arguments.workers > 1:
        return supervise(listener, arguments, keys)
    serve(listener, arguments, keys, 0)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (KeyboardInterrupt, asyncio.CancelledError):
        sys.exit(0)
