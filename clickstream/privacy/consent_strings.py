"""The consent strings of the IAB: TC strings (Transparency and Consent Framework, version 2) and GPP strings.

Reads only the parts that decide about measurement. The formats are the IAB's "Consent string and vendor list formats
v2" and "Global Privacy Platform: string format".
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import dataclass

# The numbers of two purposes: store information on a device and read it; measure how content performs.
STORE_ON_DEVICE = 1
MEASURE_CONTENT = 8

_PURPOSES_AT_BIT = 152
_CORE_BITS = 213  # up to and including the publisher's country; vendors follow
_TC_VERSION = 2
_GPP_TYPE = 3
_TCF_SECTION = 2
_USP_SECTION = 6
_MAX_SECTION = 64
_MAX_LENGTH = 16_384
_HEADER_BITS = 4_096  # more than the ids of all sections take
_BASE64 = re.compile(r"[\w-]+", re.ASCII)
_USP = re.compile(r"1[YN-]{3}", re.IGNORECASE)


class Malformed(ValueError):
    """The text is not a valid consent string."""


@dataclass(frozen=True, slots=True)
class GppSections:
    """What is read of a GPP string: the TCF section's consented purposes, None without one, and an opt-out."""

    purposes: frozenset[int] | None
    opted_out: bool


def read_tc_string(text: str) -> frozenset[int]:
    """The numbers of the consented purposes. Raise Malformed, also for version 1, which has been void since 2020."""
    bits = _bits(text.partition(".")[0], _CORE_BITS)
    if len(bits) < _CORE_BITS or int(bits[:6], 2) != _TC_VERSION:
        raise Malformed("no TC string of version 2")
    return frozenset(number for number in range(1, 25) if bits[_PURPOSES_AT_BIT + number - 1] == "1")


def read_gpp_string(text: str) -> GppSections:
    """Raise Malformed.

    Of the sections of the United States it reads only the opt-outs that have the same form in all: the flag of Global
    Privacy Control, and the sale of data in the older `us_privacy` form.
    """
    header, *sections = text.split("~")
    ids = list(_section_ids(_bits(header, _HEADER_BITS)))
    if not ids or len(ids) != len(sections):
        raise Malformed("as many sections as the header names")
    purposes: frozenset[int] | None = None
    opted_out = False
    for number, section in zip(ids, sections, strict=True):
        if number == _TCF_SECTION:
            purposes = read_tc_string(section)
        elif number == _USP_SECTION:
            opted_out |= opted_out_of_sale(section)
        elif number > _USP_SECTION:
            opted_out |= any(_bits(part, 3) == "011" for part in section.split(".")[1:])
    return GppSections(purposes, opted_out)


def opted_out_of_sale(us_privacy: str) -> bool:
    """Whether a `us_privacy` string, such as `1YYN`, opts out. Raise Malformed."""
    if not _USP.fullmatch(us_privacy):
        raise Malformed("no us_privacy string")
    return us_privacy[2] in "Yy"


def _bits(text: str, at_most: int) -> str:
    """The first bits of a base64 text, `at_most` of them; the rest is not decoded."""
    if len(text) > _MAX_LENGTH or not _BASE64.fullmatch(text):
        raise Malformed("not base64")
    text = text[: (at_most + 5) // 6]
    try:
        data = urlsafe_b64decode(text + "A" * (-len(text) % 4))
    except ValueError:
        raise Malformed("not base64") from None
    return "".join(f"{byte:08b}" for byte in data)[: min(6 * len(text), at_most)]


def _section_ids(bits: str) -> Iterator[int]:
    """The header: type, version, then ranges of ascending ids, each as the distance to the last, Fibonacci-coded."""
    if len(bits) < 24 or int(bits[:6], 2) != _GPP_TYPE or int(bits[6:12], 2) != 1:
        raise Malformed("no GPP string of version 1")
    at, last = 24, 0
    for _ in range(int(bits[12:24], 2)):
        is_range = bits[at : at + 1] == "1"
        distance, at = _fibonacci(bits, at + 1)
        first = last = last + distance
        if is_range:
            distance, at = _fibonacci(bits, at)
            last = first + distance
        if last > _MAX_SECTION:
            raise Malformed("no such section")
        yield from range(first, last + 1)


def _fibonacci(bits: str, at: int) -> tuple[int, int]:
    """The number that starts at a bit, and the bit after it."""
    end = bits.find("11", at)
    if end < 0 or end - at > 20:
        raise Malformed("the header ends too early")
    number, one, two = 0, 1, 2
    for bit in bits[at : end + 1]:
        number += one if bit == "1" else 0
        one, two = two, one + two
    return number, end + 2
