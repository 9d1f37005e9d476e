"""What corrects the public lists of bots: words of real browsers, bots that no list names, and an operator's rules."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from clickstream.enriching.yaml_lists import packaged_list, read_list

# Engines that browsers and in-app browsers name. A crawler may name one, too, in addition to its own name.
_ENGINE = re.compile(r"AppleWebKit/|Gecko/|Trident/|Presto/|CFNetwork/")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Word(_Strict):
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    reason: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class _Packaged(_Strict):
    version: str
    browsers: tuple[_Word, ...]
    alone: tuple[_Word, ...]
    bots: tuple[_Word, ...]


class AgentRules(_Strict):
    """An operator's rules: a user agent that contains one of `bots` is a bot; else, if it contains one of `browsers`,
    it is not. Matching is case-sensitive.
    """

    version: Annotated[str, StringConstraints(min_length=1, max_length=200)] = ""
    bots: tuple[Annotated[str, StringConstraints(min_length=3, max_length=200)], ...] = ()
    browsers: tuple[Annotated[str, StringConstraints(min_length=3, max_length=200)], ...] = ()

    def verdict(self, agent: str) -> bool | None:
        """True for a bot, False for a browser, None if no word applies."""
        if any(word in agent for word in self.bots):
            return True
        return False if any(word in agent for word in self.browsers) else None

    @property
    def digest(self) -> str:
        """A text that differs between different rules: 8 hex digits; empty if there are no rules."""
        if not (self.bots or self.browsers):
            return ""
        return blake2b(self.model_dump_json().encode(), digest_size=4).hexdigest()


NO_RULES = AgentRules()


def read_agent_rules(document: bytes) -> AgentRules:
    """Parse the operator's document. Raise Unusable with every problem."""
    return read_list(document, AgentRules)


def agents_version() -> str:
    """The version of the packaged list of words and bots."""
    return _packaged().version


def unlisted_bots() -> list[str]:
    """Patterns of bots that no public list names, for a case-sensitive search."""
    return [bot.pattern for bot in _packaged().bots]


def without_browser_words(agent: str) -> str:
    """The agent without the words of real browsers and apps, removed in one pass."""
    alone, beside_engine = _patterns()
    text = alone.sub(" ", agent)
    return beside_engine.sub(" ", text) if _ENGINE.search(agent) else text


@lru_cache(maxsize=1)
def _packaged() -> _Packaged:
    return packaged_list("agents.yaml", _Packaged)


@lru_cache(maxsize=1)
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    words = _packaged()
    alone, beside_engine = (
        re.compile("|".join(f"(?:{word.pattern})" for word in group)) for group in (words.alone, words.browsers)
    )
    return alone, beside_engine
