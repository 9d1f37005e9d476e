"""Which user agents are bots, by two public lists (`crawlerdetect`, `crawler-user-agents`).

The lists' own engines take seconds for some agents of 8,000 letters, which anybody may send. This one does not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version

from ua_parser_rs import DeviceExtractor

# Characters of an agent that are looked at.
LOOKED_AT = 1024
# The engine that looks for all patterns at once knows no look-around; patterns that need it are few.
_LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")
# Libraries that servers send events with, for visitors of theirs; both lists take some of them for bots.
_LIBRARY = re.compile(
    r"(?:python-(?:requests|urllib3|httpx)|python-urllib|aiohttp|node|node-fetch|undici|axios|got|okhttp|go-http-client"
    r"|java|apache-httpclient|ruby|faraday|guzzlehttp|dart|analytics|snowplow|posthog|rudder|segment|jitsu)\b",
    re.IGNORECASE,
)


def list_version() -> str:
    """Versions of the lists."""
    return "+".join(version(name) for name in ("crawlerdetect", "crawler-user-agents"))


def sent_by_bot(agent: str, names_tracker: bool) -> bool:
    """Whether a bot sent an event with this agent.

    A library for HTTP is none where the event names a tracker: so do servers send that speak for their visitors.
    """
    return not (names_tracker and _LIBRARY.match(agent)) and is_bot(agent)


def is_bot(agent: str) -> bool:
    """Whether the agent names itself a crawler, a headless browser or a library."""
    text = agent[:LOOKED_AT]
    if _named().found_in(text):
        return True
    # `crawlerdetect` looks for its patterns in what is left when the words of ordinary browsers are taken away.
    rest = _ordinary().sub("", text.strip())
    return bool(rest) and _general().found_in(rest)


class _Patterns:
    """Looks for any of many patterns in one pass, in linear time."""

    def __init__(self, patterns: Sequence[str], *, ignore_case: bool) -> None:
        plain = [pattern for pattern in patterns if not _LOOKAROUND.search(pattern)]
        flags = re.IGNORECASE if ignore_case else re.NOFLAG
        self._many = DeviceExtractor(
            [(pattern, "i" if ignore_case else None, "found", None, None) for pattern in plain]
        )
        self._few = [re.compile(pattern, flags) for pattern in patterns if _LOOKAROUND.search(pattern)]

    def found_in(self, text: str) -> bool:
        return self._many.extract(text) is not None or any(pattern.search(text) for pattern in self._few)


@lru_cache(maxsize=1)
def _named() -> _Patterns:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    return _Patterns([crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA], ignore_case=False)


@lru_cache(maxsize=1)
def _general() -> _Patterns:
    from crawlerdetect.providers.crawlers import data

    return _Patterns(data, ignore_case=True)


@lru_cache(maxsize=1)
def _ordinary() -> re.Pattern[str]:
    from crawlerdetect.providers.exclusions import data

    return re.compile("|".join(data), re.IGNORECASE)
