"""The columns of the tables about identity, which are derived from `events`: see docs/identity.md."""

from __future__ import annotations

import pyarrow as pa

from clickstream.model.schema import BATCH_COLUMN, TIMESTAMP, Column, arrow_schema

IDENTITY_EDGES, IDENTITIES, IDENTITY_EDITS = "identity_edges", "identities", "identity_edits"
EDGE_PARTITION, IDENTITY_PARTITION, EDIT_PARTITION = "edge_date", "resolved_date", "edit_date"
# Kinds of evidence, then the kinds of rows that say as what events carry an id.
SEEN, ALIAS, LOGOUT = "seen", "alias", "logout"
AS_USER, AS_DEVICE, AS_NAME = "user", "device", "name"
EDGE_COLUMNS = (
    Column("site", pa.string(), False, "The site.", "site", "shop"),
    Column(
        "kind",
        pa.string(),
        False,
        "`seen`: a user on a device; `alias`: two ids of one person; `logout`: the device's user left. `user` and "
        "`device`: events carry the id as that; `name`: only as the user of aliases or bots.",
        "event_type",
        "seen",
    ),
    Column("left_id", pa.string(), False, "The device; of an alias its user, else its device.", "anonymous_id", "a1"),
    Column("right_id", pa.string(), True, "The user; of an alias the other id; null in other kinds.", "user_id", "u1"),
    Column(
        "hour",
        TIMESTAMP,
        False,
        "The UTC hour of the evidence; the day of an id's use.",
        "occurred_at",
        "2026-03-01 12:00:00",
    ),
    Column("first_at", TIMESTAMP, False, "Its first moment in that time.", "occurred_at", "2026-03-01 12:01:02"),
    Column("last_at", TIMESTAMP, False, "Its last moment in that time.", "occurred_at", "2026-03-01 12:48:00"),
    Column("is_secret", pa.bool_(), False, "True if it came with a secret key.", "key_kind", "false"),
    Column("is_signed", pa.bool_(), False, "True if the user id is verified.", "user_verified", "false"),
    Column("evidence_id", pa.string(), False, "The id of the first event that says so.", "event_id", "e1"),
    Column(EDGE_PARTITION, pa.date32(), False, "UTC date of `hour`; the table's partition.", "hour", "2026-03-01"),
    Column(BATCH_COLUMN, pa.int64(), True, "Number of the commit that added the row, rising.", "identity", "12"),
)
EDGE_SCHEMA = arrow_schema(EDGE_COLUMNS)

USER, DEVICE, NOBODY = "user", "device", "nobody"
IDENTITY_COLUMNS = (
    Column("site", pa.string(), False, "The site.", "site", "shop"),
    Column(
        "kind",
        pa.string(),
        False,
        "`user` or `device`: the column of `events` that the id is in; `nobody`: a `user_id` that means nobody.",
        "identity",
        USER,
    ),
    Column("id", pa.string(), False, "A `user_id`, or an `anonymous_id`.", "user_id, anonymous_id", "a1"),
    Column("person", pa.string(), False, "The person's name: the least of its ids.", "identity", "u1"),
    Column(
        "valid_from",
        TIMESTAMP,
        True,
        "The first moment at which the id is the person's; null for always.",
        "identity",
        "2026-03-01 11:31:00",
    ),
    Column("valid_to", TIMESTAMP, True, "The moment at which it is no longer; null for never.", "identity", "null"),
    Column(
        "rule",
        pa.string(),
        False,
        "Why: `alias` (linked ids), `first login`, `login`, `logout`, `group` (devices of nobody known) or `nobody`.",
        "identity",
        "first login",
    ),
    Column("evidence_id", pa.string(), True, "The event that it follows from, if it is one.", "event_id", "e1"),
    Column(
        IDENTITY_PARTITION,
        pa.date32(),
        False,
        "UTC date on which the site's rows were written; the table's partition.",
        "identity",
        "2026-03-01",
    ),
)
IDENTITY_SCHEMA = arrow_schema(IDENTITY_COLUMNS)

EDIT_COLUMNS = (
    Column("site", pa.string(), False, "The site.", "site", "shop"),
    Column("number", pa.int64(), False, "Number of the edit, rising within the site.", "operator", "3"),
    Column(
        "kind",
        pa.string(),
        False,
        "`merge`, `split`, `link`, `unlink`, `block` or `undo`: see [identity.md](identity.md#edits).",
        "operator",
        "merge",
    ),
    Column("ids", pa.string(), False, "The ids, a list in JSON; empty for `undo`.", "operator", '["u1","u2"]'),
    Column("at", TIMESTAMP, True, "Of `link`, when the user was on the device.", "operator", "2026-03-01 12:00:00"),
    Column("undoes", pa.int64(), True, "Of `undo`, the number of the edit that is void.", "operator", "2"),
    Column("why", pa.string(), False, "The reason.", "operator", "same customer, ticket 12"),
    Column("asked_by", pa.string(), False, "Reference of the requester.", "operator", "support"),
    Column("recorded_at", TIMESTAMP, False, "When it was recorded.", "server", "2026-03-02 08:00:00"),
    Column(EDIT_PARTITION, pa.date32(), False, "UTC date of `recorded_at`.", "recorded_at", "2026-03-02"),
)
EDIT_SCHEMA = arrow_schema(EDIT_COLUMNS)
