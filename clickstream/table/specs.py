"""The definitions of the tables: columns, partitions, the order of rows, and the columns whose bounds are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from clickstream.model.audience_tables import AUDIENCE_CHANGES, CHANGE_COLUMNS, CHANGE_PARTITION
from clickstream.model.identity_tables import (
    EDGE_COLUMNS,
    EDGE_PARTITION,
    EDIT_COLUMNS,
    EDIT_PARTITION,
    IDENTITIES,
    IDENTITY_COLUMNS,
    IDENTITY_EDGES,
    IDENTITY_EDITS,
    IDENTITY_PARTITION,
)
from clickstream.model.profile_tables import (
    ACTIVITY,
    ACTIVITY_COLUMNS,
    ACTIVITY_PARTITION,
    PROFILE_COLUMNS,
    PROFILE_PARTITION,
    PROFILES,
    TRAIT_COLUMNS,
    TRAIT_PARTITION,
    TRAITS,
)
from clickstream.model.schema import (
    BATCH_COLUMN,
    EVENT_COLUMNS,
    EVENT_PARTITION,
    EVENTS,
    FAILED_COLUMNS,
    FAILED_EVENTS,
    FAILED_PARTITION,
    PIPELINE_COLUMNS,
    PIPELINE_HOURS,
    PIPELINE_PARTITION,
    Column,
    arrow_schema,
)

# The default is the table's first 32 columns, and readers spend time on the bounds of all of them.
SKIPPING = "delta.dataSkippingStatsColumns"


@dataclass(frozen=True, slots=True)
class TableSpec:
    """The definition of a table. Readers skip files by the bounds of the columns `skip_by`."""

    name: str
    columns: tuple[Column, ...]
    partition: str
    sort_by: tuple[str, ...]
    skip_by: tuple[str, ...]

    @property
    def schema(self) -> pa.Schema:
        return arrow_schema(self.columns)

    @property
    def properties(self) -> Mapping[str, str]:
        """The table properties that this product sets."""
        return {SKIPPING: ",".join(self.skip_by)}


EVENTS_TABLE = TableSpec(
    EVENTS,
    EVENT_COLUMNS,
    EVENT_PARTITION,
    (EVENT_PARTITION, "site", "event_name", "occurred_at"),
    ("site", "event_type", "event_name", "event_id", "received_at", "occurred_at", "created_at", BATCH_COLUMN),
)
FAILED_TABLE = TableSpec(
    FAILED_EVENTS,
    FAILED_COLUMNS,
    FAILED_PARTITION,
    (FAILED_PARTITION, "received_at"),
    ("site", "failed_event_id", "received_at", "failure_class"),
)
PIPELINE_TABLE = TableSpec(
    PIPELINE_HOURS,
    PIPELINE_COLUMNS,
    PIPELINE_PARTITION,
    (PIPELINE_PARTITION, "hour", "site"),
    ("site", "hour"),
)
IDENTITY_EDGES_TABLE = TableSpec(
    IDENTITY_EDGES,
    EDGE_COLUMNS,
    EDGE_PARTITION,
    (EDGE_PARTITION, "site", "kind", "left_id"),
    ("site", "kind", "first_at", BATCH_COLUMN),
)
# Replaced as a whole, site by site; each file has the rows of one site.
IDENTITIES_TABLE = TableSpec(
    IDENTITIES,
    IDENTITY_COLUMNS,
    IDENTITY_PARTITION,
    (IDENTITY_PARTITION, "site", "kind", "id", "valid_from"),
    ("site", "kind", "id"),
)
IDENTITY_EDITS_TABLE = TableSpec(
    IDENTITY_EDITS, EDIT_COLUMNS, EDIT_PARTITION, (EDIT_PARTITION, "site", "recorded_at"), ("site", "recorded_at")
)
AUDIENCE_CHANGES_TABLE = TableSpec(
    AUDIENCE_CHANGES,
    CHANGE_COLUMNS,
    CHANGE_PARTITION,
    (CHANGE_PARTITION, "site", "audience", "seq"),
    ("seq", "site", "audience"),
)
ACTIVITY_TABLE = TableSpec(
    ACTIVITY,
    ACTIVITY_COLUMNS,
    ACTIVITY_PARTITION,
    (ACTIVITY_PARTITION, "site", "anonymous_id", "user_id", "half_hour"),
    ("site", "first_at", BATCH_COLUMN),
)
TRAITS_TABLE = TableSpec(
    TRAITS,
    TRAIT_COLUMNS,
    TRAIT_PARTITION,
    (TRAIT_PARTITION, "site", "name", "anonymous_id", "user_id", "half_hour"),
    ("site", "name", "first_at", BATCH_COLUMN),
)
# Each file has rows of one site. Files with people whose row changed are replaced.
PROFILES_TABLE = TableSpec(
    PROFILES, PROFILE_COLUMNS, PROFILE_PARTITION, (PROFILE_PARTITION, "site", "person"), ("site", "person")
)
ALL_TABLES = (
    EVENTS_TABLE,
    FAILED_TABLE,
    PIPELINE_TABLE,
    IDENTITY_EDGES_TABLE,
    IDENTITIES_TABLE,
    IDENTITY_EDITS_TABLE,
    AUDIENCE_CHANGES_TABLE,
    ACTIVITY_TABLE,
    TRAITS_TABLE,
    PROFILES_TABLE,
)
