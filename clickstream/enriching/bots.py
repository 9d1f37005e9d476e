"""Which user agents are bots, by two public lists (`crawlerdetect`, `crawler-user-agents`), thousands in a second.

The same question for one agent now and then, without these imports, is answered by `clickstream.collecting.bots`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version

from ua_parser_rs import DeviceExtractor

# The engine that looks for all patterns at once knows no look-around; patterns that need it are few.
_LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")


def list_version() -> str:
    """Versions of the lists."""
    return "+".join(version(name) for name in ("crawlerdetect", "crawler-user-agents"))


def is_bot(agent: str) -> bool:
    """Whether the agent names itself a crawler, a headless browser or a library."""
    if _named().found_in(agent):
        return True
    # `crawlerdetect` looks for its patterns in what is left when the words of ordinary browsers are taken away.
    rest = _ordinary().sub("", agent.strip())
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
