"""Parses untrusted JSON, and bounds its values so that they are safe to store."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from pydantic_core import from_json

from clickstream.collecting.tolerance import LeftOut
from clickstream.errors import InvalidRequest
from clickstream.problems import escape

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
MAX_DEPTH = 16
MAX_KEYS = 200
MAX_ITEMS = 500
MAX_STRING = 8192
# Characters after which an address may be cut, and those for any other text.
ENDS_OF_PARTS = "/?&;#"
ENDS_OF_WORDS = f"{ENDS_OF_PARTS} \t\r\n,"
# Values in one JSON text. Each except the first follows a comma or an opening bracket, which are counted before
# parsing: also those within strings, because excluding them would cost as much as parsing.
MAX_VALUES = 131_072
PARSED_DEPTH = 200
DIGITS = 400  # of a whole number; a longer one is read as a string
TOO_MANY_VALUES = f"JSON has at most {MAX_VALUES} commas and opening brackets"
# An exponent with which a number may overflow.
_LARGE_EXPONENT = re.compile(rb"[0-9][eE]\+?[0-9]{3}")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
# From here on neighbouring whole numbers are one floating-point number.
_EXACT = 2.0**53


def parse_json(text: bytes) -> Any:
    """The JSON value. Raise InvalidRequest: payload_format if the text is not JSON, size_violation for too many values.

    Invalid values within valid structure (NaN, lone surrogates, bytes that are not UTF-8, nesting beyond 200) are
    accepted, so that `bounded_fields` refuses only the event that holds one, and not its neighbours. A byte order mark
    is skipped. The last value of a repeated key counts.
    """
    text = text.removeprefix(BYTE_ORDER_MARK)
    if len(text) > MAX_VALUES and holds_too_many_values(text):
        raise InvalidRequest(TOO_MANY_VALUES, code="size_violation", pointer="")
    strict: object = "no structure can be made out"
    has_long_number = _holds_long_number(text)
    if not has_long_number:
        try:
            return from_json(text, allow_inf_nan=False)
        except ValueError as error:
            strict = error
    try:
        if has_long_number or _may_be_read_leniently(text):
            return json.loads(text.decode("utf-8", "surrogateescape"), parse_int=_digits)
    except (ValueError, RecursionError):
        pass
    raise InvalidRequest(f"not JSON: {strict}", code="payload_format", pointer="")


def parse_body(body: bytes) -> Any:
    """The JSON value of a request's body. Raise InvalidRequest as `parse_json`, and `empty` for an empty body."""
    if not body.strip():
        raise InvalidRequest("the body is empty", code="empty", pointer="")
    return parse_json(body)


def holds_too_many_values(text: bytes) -> bool:
    """Whether a JSON text may hold more than MAX_VALUES values. Costs a small multiple of reading its bytes."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") > MAX_VALUES


def _holds_long_number(text: bytes) -> bool:
    """Whether a large text may hold numbers of 400 digits or more, which the strict parser converts.

    Writing a number takes time in proportion to the square of its digits, so such a text is parsed with these numbers
    as strings.
    """
    return len(text) >= 10 * DIGITS and _has_digits(text)


def _has_digits(text: bytes) -> bool:
    """Whether the text has a run of 200 digits at a multiple of 200, as every number of 400 digits does."""
    return any(text[start : start + DIGITS // 2].isdigit() for start in range(0, len(text), DIGITS // 2))


def _may_be_read_leniently(text: bytes) -> bool:
    """Whether the lenient parser may read a text that is not strict JSON. If False, it would fail, too.

    Searches for single words, because one regular expression for all of them would hold the interpreter's lock for a
    quarter of a second.
    """
    return (
        not text.isascii()
        or any(word in text for word in (b"NaN", b"Infinity", b"\\ud", b"\\uD"))
        or text.count(b"[") + text.count(b"{") > PARSED_DEPTH
        or _has_digits(text)
        or _LARGE_EXPONENT.search(text) is not None
    )


def _digits(text: str) -> int | str:
    # Python refuses to convert thousands of digits, so they stay a string.
    return int(text) if len(text) < DIGITS else text


def bounded_fields(fields: Mapping[str, Any], left_out: LeftOut) -> dict[str, Any]:
    """The same members, safe to store. A whole number beyond 64 bits becomes a string of its digits. A value over a
    limit is cut or left out, and added to `left_out`.

    A datetime, which a dialect has parsed already, stays. Raise InvalidRequest (schema_violation) with the pointer to a
    value that is not JSON: a number that is not finite, a lone surrogate, bytes that are not UTF-8.
    """
    try:
        return {_text(name): value if type(value) is datetime else _bounded(value, 1) for name, value in fields.items()}
    except _Fault:  # again, with pointers: this path costs more, and nearly all events do not need it
        cutting = _Cutting(left_out)
        members = ((cutting.key(name, ""), name, value) for name, value in fields.items())
        return {
            key: value if type(value) is datetime else cutting.bounded(value, 1, f"/{escape(name)}")
            for key, name, value in members
            if key is not None
        }


class _Fault(Exception):
    """A value cannot be stored unchanged."""


def _bounded(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is bool:
        return value
    if kind is int:
        return value if INT64_MIN <= value <= INT64_MAX else str(value)
    if kind is float and math.isfinite(value):
        return value
    if kind is dict and depth <= MAX_DEPTH and len(value) <= MAX_KEYS:
        return {_text(key): _bounded(item, depth + 1) for key, item in value.items()}
    if kind is list and depth <= MAX_DEPTH and len(value) <= MAX_ITEMS:
        return [_bounded(item, depth + 1) for item in value]
    raise _Fault


def _text(text: str) -> str:
    if len(text) > MAX_STRING or not (text.isascii() or _is_unicode(text)):
        raise _Fault
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class _Cutting:
    """As `_bounded`, for a value with parts that are over a limit."""

    def __init__(self, left_out: LeftOut) -> None:
        self._left_out = left_out

    def bounded(self, value: Any, depth: int, pointer: str) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value, pointer)
        if kind is dict or kind is list:
            if depth > MAX_DEPTH:
                self._left_out.add(pointer, f"nested deeper than {MAX_DEPTH} levels; left out")
                return None
            return self._object(value, depth, pointer) if kind is dict else self._array(value, depth, pointer)
        try:
            return _bounded(value, depth)
        except _Fault:
            problem = "a number must be finite" if kind is float else f"{kind.__name__} is not a JSON value"
            raise _violation(problem, pointer) from None

    def key(self, key: str, pointer: str) -> str | None:
        """The name of a member; None if it is too long."""
        if not _is_unicode(key):
            raise _violation("a key holds a lone surrogate or bytes that are not UTF-8", pointer)
        if len(key) > MAX_STRING:
            self._left_out.add(pointer, f"a key has at most {MAX_STRING} characters; the longer one is left out")
            return None
        return key

    def _object(self, value: dict[str, Any], depth: int, pointer: str) -> dict[str, Any]:
        if len(value) > MAX_KEYS:
            self._left_out.add(pointer, f"an object has at most {MAX_KEYS} keys; those after them are left out")
        members = islice(value.items(), MAX_KEYS)
        named = ((self.key(name, pointer), name, item) for name, item in members)
        return {
            key: self.bounded(item, depth + 1, f"{pointer}/{escape(name)}")
            for key, name, item in named
            if key is not None
        }

    def _array(self, value: list[Any], depth: int, pointer: str) -> list[Any]:
        if len(value) > MAX_ITEMS:
            self._left_out.add(pointer, f"an array has at most {MAX_ITEMS} items; those after them are left out")
        return [
            self.bounded(item, depth + 1, f"{pointer}/{index}") for index, item in enumerate(islice(value, MAX_ITEMS))
        ]

    def _text(self, text: str, pointer: str) -> str:
        if not _is_unicode(text):
            raise _violation("a string holds a lone surrogate or bytes that are not UTF-8", pointer)
        if len(text) <= MAX_STRING:
            return text
        self._left_out.add(pointer, f"a string has at most {MAX_STRING} characters; the end is left out")
        return shortened(text, ENDS_OF_WORDS)


def shortened(text: str, ends: str = ENDS_OF_PARTS) -> str:
    """The text up to the last of `ends` within MAX_STRING. Parts stay whole, because redaction would not recognise half
    an e-mail address or token.
    """
    return text[: max(0, *(text.rfind(end, 0, MAX_STRING) for end in ends))]


def _violation(message: str, pointer: str) -> InvalidRequest:
    return InvalidRequest(message, code="schema_violation", pointer=pointer)


def id_as_text(value: object) -> object:
    """The digits of a whole number, which many sources have as an id: `42` of 42 and of 42.0. Other values unchanged.

    Data frames, PHP and spreadsheets turn whole numbers into floating-point ones.
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < _EXACT:
        return str(int(value))
    return str(value) if isinstance(value, int) else value
