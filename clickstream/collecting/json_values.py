"""JSON from outside: strict, bounded, and safe to keep."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from clickstream.errors import InvalidRequest

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_DEPTH = 16
MAX_KEYS = 200
MAX_ITEMS = 500
MAX_STRING = 8192
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def parse_json(text: bytes) -> Any:
    """The JSON value. Raise InvalidRequest where no structure can be made out.

    What strict JSON forbids inside a value (NaN, lone surrogates, bytes that are not UTF-8, nesting beyond 200) is
    read all the same, so that `bounded_fields` refuses the one event that holds it and its neighbours live. A byte
    order mark is skipped. Of a key given twice, the last one counts.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        strict = error
    try:
        return json.loads(text.decode("utf-8", "surrogateescape"), parse_int=_digits)
    except (ValueError, RecursionError):
        raise InvalidRequest(f"not JSON: {strict}", code="payload_format", pointer="") from None


def _digits(text: str) -> int | str:
    # Python refuses to convert thousands of digits; as a string they survive.
    return int(text) if len(text) <= 400 else text


def bounded_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """The same members, safe to keep: a whole number beyond 64 bits becomes a string of its digits.

    A datetime, which a dialect has read already, stays. Raise InvalidRequest with the pointer to what is too deep, too
    long or not a finite number.
    """
    try:
        return {
            _text(name, "a key"): value if type(value) is datetime else _member(name, value, 0)
            for name, value in fields.items()
        }
    except _Fault as fault:
        raise _violation(fault) from None


class _Fault(Exception):
    """What is wrong; each level on the way out adds its step, for a good value needs no pointer."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.path: list[str] = []


def _violation(fault: _Fault) -> InvalidRequest:
    where = "".join(f"/{escape(step)}" for step in reversed(fault.path))
    return InvalidRequest(fault.message, code="schema_violation", pointer=where)


def _bounded(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value, "a string")
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if INT64_MIN <= value <= INT64_MAX else str(value)
    if kind is float:
        if not math.isfinite(value):
            raise _Fault("a number must be finite")
        return value
    if kind is dict:
        _container(len(value), MAX_KEYS, "keys in an object", depth)
        return {_text(key, "a key"): _member(key, item, depth) for key, item in value.items()}
    if kind is list:
        _container(len(value), MAX_ITEMS, "items in an array", depth)
        return [_member(index, item, depth) for index, item in enumerate(value)]
    raise _Fault(f"{kind.__name__} is not a JSON value")


def _member(step: object, value: Any, depth: int) -> Any:
    try:
        return _bounded(value, depth + 1)
    except _Fault as fault:
        fault.path.append(str(step))
        raise


def _text(text: str, what: str) -> str:
    if len(text) > MAX_STRING:
        raise _Fault(f"{what} has at most {MAX_STRING} characters, not {len(text)}")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _Fault(f"{what} holds a lone surrogate or bytes that are not UTF-8")
    return text


def _container(size: int, limit: int, what: str, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise _Fault(f"nested deeper than {MAX_DEPTH} levels")
    if size > limit:
        raise _Fault(f"at most {limit} {what}, not {size}")


def escape(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")
