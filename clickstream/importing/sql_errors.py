"""What an error of a SQL server means for a run. No text of the server is passed on: it may have values of rows."""

from __future__ import annotations

import re

from clickstream.errors import ClickstreamError, Unavailable
from clickstream.importing.sql_child import MISSING, UNLOADABLE
from clickstream.jobs.failing import Actor, JobFailed

_GUIDE = "`pip install -r requirements-sql.txt`, or the line `-r requirements-sql.txt` in requirements.txt"
# The driver gives no numbers of errors. These are words of SQL Server's English messages, in lower case.
_RULES: tuple[tuple[str, Actor, str, str], ...] = (
    ("is not allowed to access the server",
     Actor.OPERATOR, "address_refused", "the server's firewall refuses the app's addresses; allow them there"),
    (r"certificate|\b(ssl|tls)\b",
     Actor.OPERATOR, "certificate_refused", "the server's certificate is not one that this machine trusts"),
    ("login failed|invalid authorization|cannot open database|access token|token-identified",
     Actor.OPERATOR, "login_refused", "the server refused the login; see the settings of the connection"),
    ("permission (was|is) denied|permission denied",
     Actor.OPERATOR, "permission_denied", "the user may not read the table; grant it SELECT"),
    # What a later try may find in order: failovers, throttling, deadlocks, locks that others hold.
    (r"not currently available|(currently|too) busy|has been reached|reached its quota|deadlock|lock request time"
     r"|serialization failure|communication link failure|too many (requests|operations)",
     Actor.NOBODY, "unavailable", "the database is busy or moves to another machine"),
    ("timeout expired|query timeout",
     Actor.OTHER_SIDE, "query_timeout",
     "a statement took longer than `query_timeout_minutes`; an index of the timestamp column helps, and fewer "
     "`rows_per_pass`"),
    ("table or view not found|column not found|invalid object name|invalid column name",
     Actor.OTHER_SIDE, "no_table", "the table or a column of it is gone"),
)  # fmt: skip


def failure_of(kind: str, driver: str, server: str) -> Exception:
    """What to raise for an error: of this type, with the driver's and the server's words."""
    if kind == MISSING:
        message = f"imports of tables need the library mssql-python: {_GUIDE}"
        return JobFailed(Actor.OPERATOR, "driver_missing", message)
    if kind == UNLOADABLE:
        message = "the library mssql-python does not load on this machine; see docs/jobs.md"
        return JobFailed(Actor.OPERATOR, "driver_missing", message)
    text = f"{driver} {server}".lower()
    for pattern, actor, code, message in _RULES:
        if re.search(pattern, text):
            return Unavailable(message) if actor is Actor.NOBODY else JobFailed(actor, code, message)
    if kind == "OperationalError":
        return Unavailable("the database did not answer")
    message = f"the server refused a statement ({kind}: {driver[:80] or 'no reason'})"
    return JobFailed(Actor.OTHER_SIDE, "statement_refused", message)


def lost(seconds: float) -> ClickstreamError:
    """What to raise if the child ended, or did not answer for so long."""
    return Unavailable(f"the process that reads the database ended, or was silent for {seconds:.0f} s")
