"""Single values as trackers state them: read where they can be, refused with their place where they must be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from clickstream.collecting.dialect import Item
from clickstream.errors import InvalidRequest

MAX_NAME = 200
MAX_PIXELS = 100_000
INT64 = 2**63
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2200_SECONDS = 7_258_118_400


def violation(message: str, pointer: str) -> InvalidRequest:
    """An event that cannot be read, and where."""
    return InvalidRequest(message, code="schema_violation", pointer=pointer)


def text(value: object) -> str | None:
    """The text, unless it is empty or something else."""
    return value if isinstance(value, str) and value else None


def identity(value: object, pointer: str) -> str | None:
    """An id as text; None where it is not known. Raise InvalidRequest for what is no id."""
    if value is None or value == "":
        return None
    if isinstance(value, str) and len(value) <= MAX_NAME:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and -INT64 <= value < INT64:
        return str(value)
    raise violation(f"an id is a text of at most {MAX_NAME} characters", pointer)


def event_name(value: object, pointer: str) -> str:
    """An event's name. Raise InvalidRequest where there is none."""
    if isinstance(value, str) and (name := value.strip()) and len(name) <= MAX_NAME:
        return name
    raise violation(f"an event has a name of at most {MAX_NAME} characters", pointer)


def mapping(value: object, pointer: str) -> Mapping[str, Any]:
    """An object; empty where there is none. Raise InvalidRequest for another kind of value."""
    if isinstance(value, dict):
        return value
    if value is None or value == "":
        return {}
    raise violation("this is an object", pointer)


def moment(value: object, pointer: str) -> datetime | None:
    """A moment in ISO 8601, UTC where it names no zone. Raise InvalidRequest."""
    if value is None or value == "":
        return None
    try:
        stated = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        stated = None
    if stated is None or not 1970 < stated.year < 2200:
        raise violation("this is a moment in ISO 8601, after 1970 and before 2200", pointer)
    return stated.replace(tzinfo=UTC) if stated.tzinfo is None else stated


def epoch(value: object, units_per_second: int, pointer: str) -> datetime | None:
    """A moment as a number, or its digits, since 1970. Raise InvalidRequest."""
    if value is None or value == "":
        return None
    seconds = number(value)
    if seconds is None or not 0 <= seconds / units_per_second < YEAR_2200_SECONDS:
        raise violation("this is a number since 1970, before the year 2200", pointer)
    return EPOCH + timedelta(seconds=seconds / units_per_second)


def number(value: object) -> int | float | None:
    """The finite number that a value or its digits are."""
    if isinstance(value, str) and len(value) <= 30:
        try:
            value = int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -INT64 <= value < INT64 else None
    return value if isinstance(value, float) and isfinite(value) else None


def pixels(value: object) -> int | None:
    """A length on a screen."""
    stated = number(value)
    return int(stated) if stated is not None and 0 <= stated <= MAX_PIXELS else None


def size(value: object) -> tuple[int | None, int | None]:
    """Width and height out of `1920x1080`."""
    width, _, height = (text(value) or "").partition("x")
    return pixels(width), pixels(height)


def keyed_items(originals: Iterable[tuple[object, str | None]], key: str | None) -> list[Item]:
    """Originals, each with the key that itself states, as items. One that states another key than the request's is a
    problem of its own: it is meant for another site.
    """
    other = violation("all events of a request have one write key", "")
    return [Item(original, None if stated in (None, key) else other) for original, stated in originals]
