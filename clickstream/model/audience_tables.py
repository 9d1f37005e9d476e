"""The columns of the table of audiences, which is state and outbox at once: see docs/audiences.md."""

from __future__ import annotations

import pyarrow as pa

from clickstream.model.schema import TIMESTAMP, Column, arrow_schema

AUDIENCE_CHANGES = "audience_changes"
CHANGE_PARTITION = "change_date"
# What happened: somebody became a member, is one no longer, or is one that is reported again.
ENTER, EXIT, MEMBER = "enter", "exit", "member"
# The application version that is the number of the last row.
LAST_CHANGE = "seq"
CHANGE_COLUMNS = (
    Column("seq", pa.int64(), False, "Number of the row, rising over the whole table.", "audiences", "1204"),
    Column("site", pa.string(), False, "The site.", "site", "shop"),
    Column("audience", pa.string(), False, "The audience's slug.", "site", "cart-abandoners"),
    Column("person", pa.string(), False, "The person.", "identity", "ada"),
    Column("is_known", pa.bool_(), False, "Whether the person has a user id.", "identity", "true"),
    Column(
        "kind",
        pa.string(),
        False,
        "`enter`, `exit`, or `member`: a member whom messages report again.",
        "audiences",
        "enter",
    ),
    Column(
        "reason",
        pa.string(),
        False,
        "`event`, `late`, `time`, `definition`, `existing`, `identity`, `opted_out` or `erased`: see "
        "[audiences.md](audiences.md#changes).",
        "audiences",
        "event",
    ),
    Column("changed_at", TIMESTAMP, False, "The moment from which it is true.", "audiences", "2026-03-08 09:15:00"),
    Column("entered_at", TIMESTAMP, False, "When the membership began.", "audiences", "2026-03-01 09:15:00"),
    Column(
        "exit_at",
        TIMESTAMP,
        True,
        "The planned end of the membership; null: none is planned.",
        "audiences",
        "2026-03-08 09:15:00",
    ),
    Column("definition", pa.int64(), False, "Digest of the audience's definition.", "site", "81726354"),
    Column("destination", pa.string(), True, "Connection and hub of the message; null: none is sent.", "site", "crm/x"),
    Column("message_id", pa.string(), True, "The id of the message that reports it.", "audiences", "5b0c..."),
    Column(
        "message",
        pa.string(),
        True,
        "The message's body, in the first of the rows that share it.",
        "audiences",
        '{"data":{...},"meta":{...}}',
    ),
    Column("committed_at", TIMESTAMP, False, "When the row was added.", "server", "2026-03-08 09:16:02"),
    Column(CHANGE_PARTITION, pa.date32(), False, "UTC date of `committed_at`.", "committed_at", "2026-03-08"),
)
CHANGE_SCHEMA = arrow_schema(CHANGE_COLUMNS)
