"""docs/query.md names everything there is to ask for, in the words of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from clickstream.filters.dimensions import DIMENSIONS, Dimension
from clickstream.filters.reader import OPERATORS
from clickstream.querying.metrics import METRICS, Metric
from clickstream.querying.period import NAMED_RANGES
from clickstream.querying.request import Include, Pagination

TEXT = (Path(__file__).parents[3] / "docs" / "query.md").read_text()


@pytest.mark.parametrize("item", [*METRICS.values(), *DIMENSIONS.values()], ids=lambda item: item.name)
def test_a_metric_or_dimension_is_documented(item: Metric | Dimension) -> None:
    assert f"| `{item.name}` | {item.description} |" in TEXT


@pytest.mark.parametrize(
    "word",
    [*(f'"{name}"' for name in (*OPERATORS, *NAMED_RANGES))]
    + [f"`{name}`" for name in (*Pagination.model_fields, *Include.model_fields)],
)
def test_an_operator_a_range_or_an_option_is_documented(word: str) -> None:
    assert word in TEXT
