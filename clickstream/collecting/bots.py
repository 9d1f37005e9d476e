"""Which user agents are bots. They are told so, never dropped."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crawlerdetect import CrawlerDetect


def is_bot(user_agent: str | None) -> bool:
    """Whether the agent names itself a crawler, a headless browser or a library. Without an agent nothing is said."""
    return bool(user_agent) and bool(_detector().isCrawler(user_agent))


@lru_cache(maxsize=1)
def _detector() -> CrawlerDetect:
    # Its patterns take 20 ms to compile, which only those who ask for verdicts pay.
    from crawlerdetect import CrawlerDetect

    return CrawlerDetect()
