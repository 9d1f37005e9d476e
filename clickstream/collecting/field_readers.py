"""Readers of single values of trackers. They raise InvalidRequest, with a pointer, for values that they cannot read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from clickstream.collecting.client_event import MAX_NAME, MAX_PIXELS
from clickstream.collecting.dialect import Item
from clickstream.collecting.json_values import id_as_text
from clickstream.collecting.tolerance import long_id
from clickstream.errors import InvalidRequest, Without

INT64 = 2**63
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
YEAR_2200_SECONDS = 7_258_118_400


def violation(message: str, pointer: str) -> InvalidRequest:
    """The error of an invalid value without which the event has no meaning."""
    return InvalidRequest(message, code="schema_violation", pointer=pointer)


def out_of_shape(message: str, pointer: str, instead: object = None, *, is_clock: bool = False) -> InvalidRequest:
    """The error of an invalid value that can be replaced by `instead`, or left out if that is None."""
    without = Without(pointer, instead, is_clock)
    return InvalidRequest(message, code="schema_violation", pointer=pointer, without=without)


def text(value: object) -> str | None:
    """The text; None if it is empty or no text."""
    return value if isinstance(value, str) and value else None


def first_text(values: Iterable[object]) -> str | None:
    """The first text that is not empty."""
    return next(filter(None, map(text, values)), None)


def identity(value: object, pointer: str) -> str | None:
    """An id as text; None if it is missing or empty. Raise InvalidRequest for any other value.

    Placeholders, such as `null`, pass; `client_event.check` leaves them out.
    """
    if value is None or value == "":
        return None
    value = id_as_text(value)
    if isinstance(value, str) and len(value) <= MAX_NAME:
        return value
    instead = long_id(value) if isinstance(value, str) else None
    raise out_of_shape(f"an id is a text of at most {MAX_NAME} characters", pointer, instead)


def event_name(value: object, pointer: str) -> str:
    """An event's name. Raise InvalidRequest if it is missing or too long."""
    name = value.strip() if isinstance(value, str) else ""
    if 0 < len(name) <= MAX_NAME:
        return name
    message = f"an event has a name of at most {MAX_NAME} characters"
    raise out_of_shape(message, pointer, name[:MAX_NAME]) if name else violation(message, pointer)


def mapping(value: object, pointer: str) -> Mapping[str, Any]:
    """An object; empty if it is missing. Raise InvalidRequest for any other value."""
    if isinstance(value, dict):
        return value
    if value is None or value == "":
        return {}
    raise out_of_shape("this is an object", pointer)


def moment(value: object, pointer: str) -> datetime | None:
    """A moment in ISO 8601, in UTC if it names no zone; None if it is missing. Raise InvalidRequest otherwise."""
    if value is None or value == "":
        return None
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None or not 1970 < parsed.year < 2200:
        raise out_of_shape("this is a moment in ISO 8601, after 1970 and before 2200", pointer, is_clock=True)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed


def epoch(value: object, units_per_second: int, pointer: str) -> datetime | None:
    """A moment as a number since 1970, or its digits; None if it is missing. Raise InvalidRequest otherwise."""
    if value is None or value == "":
        return None
    seconds = number(value)
    if seconds is None or not 0 <= seconds / units_per_second < YEAR_2200_SECONDS:
        raise out_of_shape("this is a number since 1970, before the year 2200", pointer, is_clock=True)
    return EPOCH + timedelta(seconds=seconds / units_per_second)


def number(value: object) -> int | float | None:
    """A finite number, or a text of its digits; None for any other value, and beyond 64 bits."""
    if isinstance(value, str) and len(value) <= 30:
        try:
            value = int(value) if value.lstrip("-").isdecimal() else float(value)
        except ValueError:
            return None
    if isinstance(value, int) and not isinstance(value, bool):
        return value if -INT64 <= value < INT64 else None
    return value if isinstance(value, float) and isfinite(value) else None


def flag(value: object) -> bool | None:
    """A boolean as in JSON, form fields and query strings (`1`, `true`, `yes`); None for any other value."""
    if isinstance(value, str):
        value = value.strip().lower()
    if value in (1, "1", "true", "yes"):
        return True
    return False if value in (0, "0", "false", "no") else None


def pixels(value: object) -> int | None:
    """A number of pixels, at most MAX_PIXELS; None for any other value."""
    count = number(value)
    return int(count) if count is not None and 0 <= count <= MAX_PIXELS else None


def size(value: object) -> tuple[int | None, int | None]:
    """Width and height in pixels, from `1920x1080`; None for each that cannot be read."""
    width, _, height = (text(value) or "").partition("x")
    return pixels(width), pixels(height)


def keyed_item(original: object, own_key: str | None, key: str | None) -> Item:
    """The Item of an event that may have a key of its own. It fails if that is not the request's `key`."""
    if own_key in (None, key):
        return Item(original)
    return Item(original, violation("all events of a request have one write key", ""))
