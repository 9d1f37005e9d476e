"""The lake of another process."""

from __future__ import annotations

from collections.abc import Sequence

from tests.integration.compacting.lake import Lake


def attach(names: Sequence[str]) -> Lake:
    """The lake of another process."""
    from clickstream.settings import Connection, Settings
    from clickstream.storage.account import StorageAccount
    from tests.integration.compacting.lake import Hubs

    lake = Lake.__new__(Lake)
    connection, *containers = names
    lake.settings = Settings.from_env(
        {
            "EventHubConnection": "none",
            "Lake": connection,
            "VISITOR_ID_KEY": "0123456789abcdef",
            **dict(zip(("CAPTURE_CONTAINER", "SPILL_CONTAINER", "LAKE_CONTAINER"), containers, strict=True)),
        }
    )
    lake.account = StorageAccount.from_connection(Connection("Lake", connection))
    lake.hubs = Hubs()
    return lake
