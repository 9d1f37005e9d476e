"""JSON from outside: strict, bounded, and safe to keep."""

from __future__ import annotations

import json
import math
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
    read all the same, so that `bounded` refuses the one event that holds it and its neighbours live. A byte order
    mark is skipped. Of a key given twice, the last one counts.
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


def bounded(value: Any, pointer: str = "", depth: int = 1) -> Any:
    """The same value, made safe to keep: a whole number beyond 64 bits becomes a string of its digits.

    Raise InvalidRequest with the pointer to what is too deep, too long or not a finite number.
    """
    match value:
        case str():
            return _check_text(value, "a string", pointer)
        case None | bool():
            return value
        case int():
            return value if INT64_MIN <= value <= INT64_MAX else str(value)
        case float():
            if not math.isfinite(value):
                raise _violation("a number must be finite", pointer)
            return value
        case dict():
            _check_container(len(value), MAX_KEYS, "keys in an object", depth, pointer)
            for key in value:
                _check_text(key, "a key", pointer)
            return {key: bounded(item, f"{pointer}/{escape(key)}", depth + 1) for key, item in value.items()}
        case list():
            _check_container(len(value), MAX_ITEMS, "items in an array", depth, pointer)
            return [bounded(item, f"{pointer}/{index}", depth + 1) for index, item in enumerate(value)]
        case _:
            raise _violation(f"{type(value).__name__} is not a JSON value", pointer)


def _check_text(text: str, what: str, pointer: str) -> str:
    if len(text) > MAX_STRING:
        raise _violation(f"{what} has at most {MAX_STRING} characters, not {len(text)}", pointer)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _violation(f"{what} holds a lone surrogate or bytes that are not UTF-8", pointer)
    return text


def escape(key: str) -> str:
    """A key as one step of a JSON pointer (RFC 6901)."""
    return key.replace("~", "~0").replace("/", "~1")


def _check_container(size: int, limit: int, what: str, depth: int, pointer: str) -> None:
    if depth > MAX_DEPTH:
        raise _violation(f"nested deeper than {MAX_DEPTH} levels", pointer)
    if size > limit:
        raise _violation(f"at most {limit} {what}, not {size}", pointer)


def _violation(message: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(message, code="schema_violation", pointer=pointer)
