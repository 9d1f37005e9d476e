"""Bot detection by two public lists (`crawlerdetect`, `crawler-user-agents`), their exceptions and additions.

The lists' own engines take seconds for some agents of 8,000 letters, which anybody may send. This one is linear.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version

from ua_parser_rs import DeviceExtractor

from clickstream.enriching.agent_lists import NO_RULES, AgentRules, agents_version, unlisted_bots, without_browser_words

# Only this many characters of an agent are examined.
LOOKED_AT = 1024
# The engine that searches for all patterns at once does not support look-around; few patterns need it.
_LOOKAROUND = re.compile(r"\(\?(?:[=!]|<[=!])")
# Libraries with which servers send events for their visitors; both lists classify some of them as bots.
_LIBRARY = re.compile(
    r"(?:python-(?:requests|urllib3|httpx)|python-urllib|aiohttp|node|node-fetch|undici|axios|got|okhttp|go-http-client"
    r"|deno|bun|java|apache-httpclient|ruby|faraday|guzzlehttp|dart|analytics|snowplow|posthog|rudder|segment|jitsu)\b",
    re.IGNORECASE,
)


def list_version() -> str:
    """The versions of the lists, and of their exceptions and additions."""
    return "+".join((*(version(name) for name in ("crawlerdetect", "crawler-user-agents")), agents_version()))


def sent_by_bot(agent: str, names_tracker: bool, rules: AgentRules = NO_RULES) -> bool:
    """Whether a bot sent an event with this agent: by the operator's rules, else by the lists.

    An HTTP library is not a bot if the event names a tracker, because servers send events on behalf of their visitors.
    """
    verdict = rules.verdict(agent)
    if verdict is not None:
        return verdict
    return not (names_tracker and _LIBRARY.match(agent)) and is_bot(agent)


def is_bot(agent: str) -> bool:
    """Whether the agent names itself a crawler, a headless browser or a library."""
    text = without_browser_words(agent[:LOOKED_AT])
    if _crawler_names().match(text):
        return True
    # `crawlerdetect` searches for its patterns in the agent without the words of ordinary browsers.
    rest = _browser_words().sub("", text.strip())
    return bool(rest) and _crawler_words().match(rest)


class _Patterns:
    """Searches for any of many patterns in one pass, in linear time."""

    def __init__(self, patterns: Sequence[str], *, ignore_case: bool) -> None:
        plain = [pattern for pattern in patterns if not _LOOKAROUND.search(pattern)]
        flags = re.IGNORECASE if ignore_case else re.NOFLAG
        self._many = DeviceExtractor(
            [(pattern, "i" if ignore_case else None, "found", None, None) for pattern in plain]
        )
        self._few = [re.compile(pattern, flags) for pattern in patterns if _LOOKAROUND.search(pattern)]

    def match(self, text: str) -> bool:
        return self._many.extract(text) is not None or any(pattern.search(text) for pattern in self._few)


@lru_cache(maxsize=1)
def _crawler_names() -> _Patterns:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    patterns = [crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA]
    return _Patterns([*patterns, *unlisted_bots()], ignore_case=False)


@lru_cache(maxsize=1)
def _crawler_words() -> _Patterns:
    from crawlerdetect.providers.crawlers import data

    return _Patterns(data, ignore_case=True)


@lru_cache(maxsize=1)
def _browser_words() -> re.Pattern[str]:
    from crawlerdetect.providers.exclusions import data

    return re.compile("|".join(data), re.IGNORECASE)
