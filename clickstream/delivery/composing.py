"""Builds the sinks: a hub with the spill as fallback, or the spill alone. No other module depends on the mode."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from clickstream.delivery.durable import DurableSink
from clickstream.delivery.event_hub import EventHub, NoHub
from clickstream.delivery.spill import Spill, SpillWriter
from clickstream.settings import Settings
from clickstream.tally import Tally

if TYPE_CHECKING:
    from clickstream.model.hub_state import HubStates


def make_sink(
    settings: Settings, files: SpillWriter, hub: str, now: Callable[[], datetime], tally: Tally
) -> DurableSink:
    """The sink of one hub's messages. Without Event Hubs the spill has the deadlines of both.

    Raise SettingsError if the connection string names no endpoint.
    """
    send_seconds, spill_seconds = settings.send_deadline_ms / 1000, settings.spill_deadline_ms / 1000
    if settings.event_hub_connection is None:
        return DurableSink(NoHub(), Spill(files, hub, send_seconds + spill_seconds, now))
    return DurableSink(
        EventHub(settings.event_hub_connection, hub, send_seconds, now, tally), Spill(files, hub, spill_seconds, now)
    )


def make_hub_states(settings: Settings) -> HubStates:
    """The interface by which the compactor queries the hubs' sequence numbers."""
    from clickstream.delivery.hub_state import EventHubStates, NoHubs

    return NoHubs() if settings.event_hub_connection is None else EventHubStates(settings.event_hub_connection)
