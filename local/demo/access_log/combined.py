r"""The combined format of Apache and nginx, with the usual additions before and after it.

    %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i"

A virtual host (`%v` or `%v:%p`, as in Debian's vhost_combined) or X-Forwarded-For may precede it. X-Forwarded-For, as
in nginx's packaged format `main`, or anything else may follow. The common format, which ends after the bytes, is read
too.
"""

from __future__ import annotations

import re
from datetime import datetime

from local.demo.access_log.escapes import decoded, split_target, unescaped, url_encoded
from local.demo.access_log.line import Line, Malformed, client_of, is_address, origin_of
from local.demo.access_log.moments import parse_moment

_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_MOMENT = r"\[(\d[^\]\"]{7,40})\]"
_LINE = re.compile(rf"([^\"]*?) {_MOMENT} {_QUOTED} (\d{{3}}) (?:\d+|-)(?: {_QUOTED} {_QUOTED}(.*))?\s*")
_FORWARDED = re.compile(_QUOTED)


def parse_combined(text: str, number: int) -> Line:
    """Parse a line whose characters are its bytes (Latin-1). Raise Malformed."""
    match = _LINE.fullmatch(text)
    if match is None:
        raise Malformed(f"line {number} is in no known log format")
    front, moment, request, status, referrer, agent, rest = match.groups()
    visitor, host = _client_and_host(front, _first_quoted(rest or ""))
    method, target = _method_and_target(unescaped(request))
    origin, path = split_target(target)
    return Line(
        number=number,
        text=text,
        visitor=visitor,
        occurred_at=_moment(moment, number),
        method=method,
        target=url_encoded(path),
        status=int(status),
        origin=origin or (origin_of(host) if host else None),
        referrer=url_encoded(unescaped(_present(referrer))),
        user_agent=decoded(unescaped(_present(agent))),
    )


def _client_and_host(front: str, forwarded: str) -> tuple[str, str]:
    """The client and the virtual host, from the fields before the time."""
    words = [word.rstrip(",") for word in front.split(" ")]
    addresses = [word for word in words if is_address(word)]
    if addresses and (words[0] in ("-", "unknown") or words[0] == addresses[0]):
        # X-Forwarded-For in front is a list, or a dash. Its first address is the client.
        return client_of(forwarded, addresses[0]), ""
    if len(words) > 3 and (addresses or words[1] != "-"):
        return client_of(forwarded, addresses[0] if addresses else words[1]), words[0]
    return client_of(forwarded, words[0]), ""


def _first_quoted(rest: str) -> str:
    """X-Forwarded-For, if it is the first field after the combined format."""
    match = _FORWARDED.match(rest.lstrip())
    return match[1] if match is not None else ""


def _method_and_target(request: str) -> tuple[str, str]:
    """Method and target of `GET /path HTTP/1.1`. HTTP/0.9 has no version."""
    method, _, rest = request.partition(" ")
    return method, rest.rpartition(" ")[0] if " HTTP/" in rest else rest


def _moment(text: str, number: int) -> datetime:
    try:
        return parse_moment(text)
    except ValueError:
        raise Malformed(f"line {number} has no readable time") from None


def _present(text: str | None) -> str:
    return "" if text in (None, "-") else str(text)
