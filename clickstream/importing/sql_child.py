"""The child process that speaks to a SQL server: a fault in native code, or a hang, must not end the app.

It reads lines of JSON from stdin: first the connection, then one statement after another. It answers each line with
frames on stdout, of a letter, a length of four bytes, and so many bytes: B for a batch of rows as Arrow IPC, and at the
end D, or E for an error as JSON.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any, BinaryIO

HEADER = struct.Struct(">cI")
BATCH, DONE, ERROR = b"B", b"D", b"E"
BATCH_ROWS = 10_000
PROVIDER = ("MSSQL_PYTHON_NATIVE_PROVIDER", "mssql-odbc")
# Types of errors beside those of the driver: it is not installed, or a library that it needs is not.
MISSING, UNLOADABLE = "missing", "unloadable"


class _Token:
    """An access token, as the driver asks for one."""

    def __init__(self, token: str, expires_on: int) -> None:
        self.token, self.expires_on = token, expires_on

    def get_token(self, scope: str) -> _Token:
        """The token, whatever it is for."""
        return self


def connect(request: dict[str, Any]) -> Any:
    """Sign in. Raise the driver's errors, ImportError."""
    os.environ[PROVIDER[0]] = PROVIDER[1]  # Microsoft's other library needs packages of the system
    import mssql_python

    mssql_python.pooling(enabled=False)  # a pooled session would keep its temporary tables
    token = request.get("token")
    options: dict[str, Any] = {} if token is None else {"token_provider": _Token(token, request["expires_on"])}
    connection = mssql_python.connect(request["connect"], autocommit=True, timeout=request["login_seconds"], **options)
    connection.timeout = request["query_seconds"]
    return connection


def answer(cursor: Any, sql: str, out: BinaryIO) -> None:
    """Run a statement, and send its rows if it has any. Raise the driver's errors."""
    import pyarrow as pa

    cursor.execute(sql)
    while cursor.description:
        batch = cursor.arrow_batch(BATCH_ROWS)
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        send(out, BATCH, sink.getvalue())
        if batch.num_rows < BATCH_ROWS:
            break


def send(out: BinaryIO, kind: bytes, data: Any = b"") -> None:
    """Write a frame."""
    out.write(HEADER.pack(kind, len(data)))
    out.write(data)
    out.flush()


def main() -> None:
    """Answer until stdin ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no frame
    cursor = None
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            if cursor is None:
                cursor = connect(request).cursor()
            else:
                answer(cursor, request["sql"], out)
        except ImportError as error:
            # Without a library of the system, the driver is there and does not load.
            kind = MISSING if error.name == "mssql_python" else UNLOADABLE
            send(out, ERROR, json.dumps({"type": kind, "driver": "", "server": ""}).encode())
        except Exception as error:
            found = {
                "type": UNLOADABLE
                if cursor is None and type(error) in (RuntimeError, OSError)
                else type(error).__name__,
                "driver": str(getattr(error, "driver_error", "")),
                "server": str(getattr(error, "ddbc_error", error)),
            }
            send(out, ERROR, json.dumps(found).encode())
        else:
            send(out, DONE)


if __name__ == "__main__":
    main()
