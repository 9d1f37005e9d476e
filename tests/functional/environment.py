"""A function app's settings for the time of a test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from clickstream.services import services
from local.azurite import Azurite
from tests.integration.querying.lake import Lake


@contextmanager
def app_over(lake: Lake, azurite: Azurite) -> Iterator[None]:
    """Let the functions of this process read this lake, and their sites' documents from its container."""
    env = {
        "EventHubConnection": "Endpoint=sb://unused.invalid;",
        "Lake": azurite.connection_string,
        "VISITOR_ID_KEY": "0123456789abcdef",
        "LAKE_CONTAINER": lake.settings.lake_container,
        "CONFIG_CONTAINER": lake.settings.lake_container,
        "ALLOW_SHORT_KEYS": "true",
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        services.cache_clear()
        yield
    services.cache_clear()
