"""A lake of events at random, and an engine over it."""

from __future__ import annotations

import pytest

from clickstream.querying.engine import QueryEngine
from local.azurite import Azurite
from tests.integration.querying.lake import NOW, Lake, make_lake
from tests.integration.querying.rows import ROWS


@pytest.fixture(scope="module")
def lake(azurite: Azurite) -> Lake:
    lake = make_lake(azurite)
    half = len(ROWS) // 2
    lake.append(*ROWS[:half])
    lake.append(*ROWS[half:])  # most days have two files
    lake.append_people(ROWS)
    return lake


@pytest.fixture(scope="module")
def engine(lake: Lake) -> QueryEngine:
    return QueryEngine(lake.account, lake.settings, lambda: NOW)
