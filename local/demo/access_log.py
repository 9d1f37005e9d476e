"""A web server's access log in the combined format, as page views."""

from __future__ import annotations

import gzip
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import NAMESPACE_URL, uuid5

PAGE_SUFFIXES = frozenset({"", ".html", ".htm", ".php", ".asp", ".aspx", ".jsp"})
# Apache's "%h %l %u %t \"%r\" %>s %b \"%{Referer}i\" \"%{User-agent}i\""; a quote inside a field is escaped.
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_LINE = re.compile(rf"(\S+) \S+ \S+ \[([^\]]+)\] {_QUOTED} (\d{{3}}) (?:\d+|-) {_QUOTED} {_QUOTED}\s*$")


class Malformed(ValueError):
    """A line that is not in the combined format."""


@dataclass(frozen=True, slots=True)
class Line:
    """One request that a web server answered."""

    number: int
    text: str
    address: str
    occurred_at: datetime
    method: str
    target: str
    status: int
    referrer: str
    user_agent: str

    @property
    def is_page_view(self) -> bool:
        """A page that was asked for and given: GET, 2xx or 304, and no file of another kind."""
        if self.method != "GET" or not (200 <= self.status < 300 or self.status == 304):
            return False
        last = self.target.partition("?")[0].rpartition("/")[2]
        return PurePosixPath(last).suffix.lower() in PAGE_SUFFIXES


def read_lines(path: Path) -> Iterator[Line | Malformed]:
    """Stream the log, plain or .gz, line by line, without ever holding more than one."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as raw:
        for number, line in enumerate(raw, start=1):
            try:
                yield parse_line(line.decode("utf-8", "replace").rstrip("\r\n"), number)
            except Malformed as problem:
                yield problem


def parse_line(text: str, number: int) -> Line:
    """Raise Malformed for a line that is not in the combined format."""
    found = _LINE.match(text)
    if found is None:
        raise Malformed(f"line {number} is not in the combined log format")
    address, moment, request, status, referrer, agent = found.groups()
    method, _, rest = request.partition(" ")
    try:
        occurred_at = datetime.strptime(moment, "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        raise Malformed(f"line {number} has no readable time: {moment}") from None
    target = rest.rpartition(" ")[0] if " HTTP/" in rest else rest
    return Line(number, text, address, occurred_at, method, target, int(status), referrer, agent)


def page_view(line: Line, host: str, key: bytes) -> dict[str, Any]:
    """The event that a line tells, for an import key.

    Its id comes from the line and its number, so that the same log sent again is the same events. The visitor is a
    keyed hash of address and agent, for a log knows no other.
    """
    visitor = hmac.new(key, f"{line.address}\n{line.user_agent}".encode(), sha256).hexdigest()[:32]
    event = {
        "name": "page_view",
        "event_id": str(uuid5(NAMESPACE_URL, f"{line.number}\n{line.text}")),
        "created_at": line.occurred_at.isoformat(),
        "anonymous_id": visitor,
        "page_url": f"http://{host}{line.target}",
        "user_agent": line.user_agent,
        "ip": line.address,
        "tracker": "access-log",
    }
    if line.referrer not in ("", "-"):
        event["referrer"] = line.referrer
    return event
