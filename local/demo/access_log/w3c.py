"""The W3C extended format (https://www.w3.org/TR/WD-logfile), as IIS and CloudFront write it.

`#Fields:` names the columns. Times are in UTC. Fields with spaces are quoted. IIS replaces spaces in a field by plus
signs. CloudFront separates fields by tabs and percent-encodes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import unquote_to_bytes

from local.demo.access_log.escapes import decoded, split_target, url_encoded
from local.demo.access_log.line import Line, Malformed, client_of, origin_of

FIELDS, DATE = "#fields:", "#date:"
REQUIRED = ("time", "cs-method", "sc-status")
_WORD = re.compile(r'"(?:[^"]|"")*"|\S+')


class W3cReader:
    """Parses lines by the directives before them."""

    def __init__(self) -> None:
        self.fields: list[str] = []
        self._date = ""

    def direct(self, text: str, number: int) -> None:
        """Apply a directive, a line that begins with `#`. Raise Malformed if REQUIRED fields are missing."""
        lower = text.lower()
        if lower.startswith(DATE):
            self._date = text[len(DATE) :].strip().partition(" ")[0]
        elif lower.startswith(FIELDS):
            fields = lower[len(FIELDS) :].split()
            if missing := [name for name in REQUIRED if name not in fields]:
                self.fields = []
                raise Malformed(f"line {number}: the fields lack {', '.join(missing)}")
            self.fields = fields

    def parse(self, text: str, number: int) -> Line:
        """Parse a line by the current fields. Raise Malformed."""
        tabbed = "\t" in text
        values = text.split("\t") if tabbed else [_unquoted(word) for word in _WORD.findall(text)]
        if len(values) != len(self.fields):
            raise Malformed(f"line {number} has {len(values)} fields, not the {len(self.fields)} of #Fields")
        columns = {name: "" if value == "-" else value for name, value in zip(self.fields, values, strict=True)}
        plain = _percent_decoded if tabbed else _spaces_back
        host = columns.get("x-host-header") or columns.get("cs-host") or columns.get("cs(host)") or ""
        origin, target = _target(columns)
        forwarded = next((value for name, value in columns.items() if "forwarded-for" in name), "")
        secure = columns.get("cs-protocol") == "https" or columns.get("s-port") == "443"
        return Line(
            number=number,
            text=text,
            visitor=client_of(plain(forwarded).replace("+", " "), columns.get("c-ip", "")),
            occurred_at=self._moment(columns, number),
            method=columns["cs-method"],
            target=target,
            status=_status(columns["sc-status"], number),
            origin=origin or origin_of(host, secure=secure),
            referrer=url_encoded(plain(columns.get("cs(referer)", ""))),
            user_agent=decoded(plain(columns.get("cs(user-agent)", ""))),
        )

    def _moment(self, columns: Mapping[str, str], number: int) -> datetime:
        try:
            moment = datetime.fromisoformat(f"{columns.get('date') or self._date}T{columns['time']}")
        except ValueError:
            raise Malformed(f"line {number} has no readable time") from None
        return moment.replace(tzinfo=UTC)


def _target(columns: Mapping[str, str]) -> tuple[str | None, str]:
    query = columns.get("cs-uri-query", "")
    whole = columns.get("cs-uri") or columns.get("cs-uri-stem", "") + (f"?{query}" if query else "")
    origin, path = split_target(whole)
    return origin, url_encoded(path)


def _status(text: str, number: int) -> int:
    if not text.isdecimal():
        raise Malformed(f"line {number} has no status")
    return int(text)


def _unquoted(word: str) -> str:
    return word[1:-1].replace('""', '"') if word.startswith('"') else word


def _spaces_back(text: str) -> str:
    return text.replace("+", " ")


def _percent_decoded(text: str) -> str:
    # CloudFront encodes encoded text a second time.
    return unquote_to_bytes(unquote_to_bytes(text)).decode("latin-1")
