"""`python -m local.functions_host start`: serve a function app until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

from local.functions_host.serving import Serving, serve, supervise

HOST = "127.0.0.1"


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
    asked = Serving(
        app_dir=Path(arguments.app_dir),
        workers=arguments.workers,
        enable_auth=arguments.enable_auth,
        flex=arguments.plan == "flex",
        strict=arguments.strict,
        master_key=os.environ.get("FUNCTIONS_MASTER_KEY") or secrets.token_urlsafe(24),
        function_key=os.environ.get("FUNCTIONS_FUNCTION_KEY") or secrets.token_urlsafe(24),
    )
    if asked.enable_auth:
        print(f"master key {asked.master_key}\nfunction key {asked.function_key}", flush=True)
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
        return supervise(listener, asked)
    serve(listener, asked, 0)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
