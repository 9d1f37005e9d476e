"""Texts of the groups' values, and all labels of a time dimension."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from clickstream.errors import InvalidRequest
from clickstream.filters.dimensions import Dimension, Kind
from clickstream.querying.period import Period

MAX_TIME_LABELS = 10_000


def dimension_texts(dimensions: Sequence[Dimension], values: Sequence[Any], zone: ZoneInfo) -> list[str]:
    """The values of a group as texts: dates as ISO 8601, moments in the time zone with their offset."""
    return [
        value if dimension.kind is Kind.TEXT else _label(value, zone)
        for dimension, value in zip(dimensions, values, strict=True)
    ]


def time_labels(dimensions: Sequence[Dimension], period: Period, pointer: str) -> list[str]:
    """Every value that the time dimension can have in the period, in order.

    Raise InvalidRequest, at the pointer, unless there is exactly one time dimension and at most `MAX_TIME_LABELS`.
    """
    kinds = [dimension.kind for dimension in dimensions if dimension.kind is not Kind.TEXT]
    if len(kinds) != 1:
        raise InvalidRequest(f"{pointer}: needs one time dimension", code="invalid_query", pointer=pointer)
    labels = list(islice(period.labels(kinds[0]), MAX_TIME_LABELS + 1))
    if len(labels) > MAX_TIME_LABELS:
        raise InvalidRequest(
            f"{pointer}: more than {MAX_TIME_LABELS} labels; choose a shorter range",
            code="invalid_query",
            pointer=pointer,
        )
    return [label.isoformat() for label in labels]


def partial_time_labels(dimensions: Sequence[Dimension], period: Period, complete_until: datetime | None) -> list[str]:
    """The labels of `time_labels` whose time lies partly outside the period or is not complete yet."""
    (kind,) = (dimension.kind for dimension in dimensions if dimension.kind is not Kind.TEXT)
    return [label.isoformat() for label in period.partial_labels(kind, complete_until)]


def _label(value: date, zone: ZoneInfo) -> str:
    return (value.astimezone(zone) if isinstance(value, datetime) else value).isoformat()
