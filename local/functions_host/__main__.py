"""`python -m local.functions_host start`: serve a function app until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import os
import secrets
import socket
import sys
from pathlib import Path

from local.functions_host.serving import ServeOptions, serve, supervise

HOST = "127.0.0.1"


def main() -> int:
    """Return the exit code: 1 for an app that cannot start or a port in use."""
    parser = argparse.ArgumentParser(prog="python -m local.functions_host", description=__doc__)
    start = parser.add_subparsers(required=True).add_parser("start", help="serve the app")
    start.add_argument("--app-dir", default=".", help="the folder with function_app.py and host.json")
    start.add_argument("--port", type=int, default=7071, help="0 for any free port")
    start.add_argument(
        "--workers", type=int, default=1, help="number of processes; the first one runs the timers and queues"
    )
    start.add_argument("--enable-auth", action="store_true", help="require function keys, as on Azure")
    start.add_argument("--plan", choices=("flex", "premium"), default="flex", help="the plan whose CORS to imitate")
    start.add_argument("--strict", action="store_true", help="drop bodies without Content-Length, refuse long URLs")
    runtimes = ("local", "microsoft")
    default = os.environ.get("FUNCTIONS_HOST_RUNTIME", "local")
    start.add_argument("--runtime", choices=runtimes, default=default, help="runs the functions; see README.md")
    arguments = parser.parse_args()
    options = ServeOptions(
        app_dir=Path(arguments.app_dir),
        workers=arguments.workers,
        enable_auth=arguments.enable_auth,
        flex=arguments.plan == "flex",
        strict=arguments.strict,
        microsoft=arguments.runtime == "microsoft",
        master_key=os.environ.get("FUNCTIONS_MASTER_KEY") or secrets.token_urlsafe(24),
        function_key=os.environ.get("FUNCTIONS_FUNCTION_KEY") or secrets.token_urlsafe(24),
    )
    if options.enable_auth:
        print(f"master key {options.master_key}\nfunction key {options.function_key}", flush=True)
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
        return supervise(listener, options)
    serve(listener, options, 0)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(0)
