"""Which user agents are bots, by two public lists. They are told so, never dropped.

`clickstream.enriching.bots` looks for the same patterns, faster once it is loaded.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crawlerdetect import CrawlerDetect

# Libraries that servers send events with, for visitors of theirs; both lists take some of them for bots.
_LIBRARY = re.compile(
    r"(?:python-(?:requests|urllib3|httpx)|python-urllib|aiohttp|node|node-fetch|undici|axios|got|okhttp|go-http-client"
    r"|java|apache-httpclient|ruby|faraday|guzzlehttp|dart|analytics|snowplow|posthog|rudder|segment|jitsu)\b",
    re.IGNORECASE,
)


def is_library(user_agent: str) -> bool:
    """Whether the agent is that of a library for HTTP, or of a tracker for servers."""
    return _LIBRARY.match(user_agent) is not None


def is_bot(user_agent: str | None, tracker: str | None = None) -> bool:
    """Whether the agent names itself a crawler, a headless browser or a library. Without an agent nothing is said.

    A library is no bot where a tracker is named: so do servers send that speak for their visitors.
    """
    if not user_agent or (tracker is not None and is_library(user_agent)):
        return False
    return bool(_detector().isCrawler(user_agent)) or _named().search(user_agent) is not None


# The patterns take 50 ms to compile, which only those who ask for verdicts pay.
@lru_cache(maxsize=1)
def _detector() -> CrawlerDetect:
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()


@lru_cache(maxsize=1)
def _named() -> re.Pattern[str]:
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    return re.compile("|".join(crawler["pattern"] for crawler in CRAWLER_USER_AGENTS_DATA))
