"""The list of known sources: name and kind by host, by `utm_source` and by click id."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from clickstream.enriching.yaml_lists import packaged_list, read_list

Kind = Literal["search", "ai", "social", "video", "shopping", "email", "affiliate", "display", "referral"]
LONGEST_HOST = 253  # characters, RFC 1035 (2.3.4)
# Second-level labels of country domains under which names are registered one level deeper (`example.co.uk`).
SECOND_LEVEL = frozenset({"co", "com", "org", "net", "edu", "gov", "ne", "or"})
# First labels that are ignored: `www.google.com` is `google.com`.
SAME_HOST = frozenset({"www", "www2", "m", "mobile"})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ListedHost = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.([a-z0-9_-]+|\*)$")]


class Source(_Strict):
    """One service that visitors come from.

    `hosts` match with every host below them. `sites` match exactly, for companies with other services on other hosts.
    """

    name: Text
    kind: Kind
    hosts: tuple[ListedHost, ...] = ()
    sites: tuple[ListedHost, ...] = ()
    names: tuple[Text, ...] = ()


class ClickId(_Strict):
    """The source and medium that the presence of an advertiser's parameter in a page's address implies."""

    source: Text
    medium: Text | None = None


class Document(_Strict):
    """The form of one list's document."""

    version: Text
    sources: tuple[Source, ...] = ()
    click_ids: Mapping[str, ClickId] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceList:
    """Looks sources up by host and by name. `version` differs between different lists."""

    version: str
    click_ids: Mapping[str, ClickId]
    _click_id: re.Pattern[str]
    _by_host: Mapping[str, Source]
    _by_site: Mapping[str, Source]
    _by_name: Mapping[str, Source]

    def click_id_in(self, query: str) -> str | None:
        """The first parameter of a query string that is one of the click ids and has a value."""
        found = self._click_id.search(query) if "=" in query else None
        return found[1] if found is not None else None

    def of_host(self, host: str) -> Source | None:
        """The source of a host, in lower case: by an exact match, else by the longest known domain above it."""
        if len(host) > LONGEST_HOST:
            return None
        labels = host.strip(".").split(".")
        own = labels[1:] if labels[0] in SAME_HOST else labels
        for name in (".".join(own), *_of_any_country(own)):
            if name in self._by_site:
                return self._by_site[name]
        for ending in _endings(host):
            source = self._by_host.get(ending)
            if source is not None:
                return source
        return None

    def of_name(self, name: str) -> Source | None:
        """The source that a `utm_source` names, by one of its names or by one of its hosts."""
        plain = name.strip().lower()
        return self._by_name.get(plain) or (self.of_host(plain) if "." in plain else None)


def read_sources(operators: bytes | None = None) -> SourceList:
    """The packaged list merged with the operator's own, if there is one, whose entries take precedence.

    Raise Unusable with every problem of the operator's list.
    """
    documents = [packaged()] if operators is None else [packaged(), read_list(operators, Document)]
    sources = [source for document in documents for source in document.sources]
    named = {host: source for source in sources for host in (*source.hosts, *source.sites)}
    click_ids = {name: click for document in documents for name, click in document.click_ids.items()}
    digest = "" if operators is None else f"+{blake2b(operators, digest_size=4).hexdigest()}"
    return SourceList(
        f"{documents[0].version}{digest}",
        click_ids,
        re.compile(f"(?:^|&)({'|'.join(map(re.escape, click_ids))})=[^&]"),
        {host: source for source in sources for host in source.hosts},
        {host: named[host] for source in sources for host in source.sites},
        {name.lower(): source for source in sources for name in (*source.names, source.name)},
    )


@lru_cache(maxsize=1)
def packaged() -> Document:
    """The list that is part of the product."""
    return packaged_list("sources.yaml", Document)


def _endings(host: str) -> Iterator[str]:
    """The host and the domains above it, longest first; each also with `*` for a country's domain."""
    labels = host.strip(".").split(".")
    for start in range(len(labels)):
        rest = labels[start:]
        yield ".".join(rest)
        yield from _of_any_country(rest)


def _of_any_country(labels: list[str]) -> Iterable[str]:
    """The host with `*` for `com` or a country's domain; empty for any other (`google.cloud` is not `google.*`)."""
    if len(labels) > 2 and labels[-2] in SECOND_LEVEL and len(labels[-1]) == 2:
        return [".".join([*labels[:-2], "*"])]
    national = len(labels) > 1 and (len(labels[-1]) == 2 or labels[-1] == "com")
    return [".".join([*labels[:-1], "*"])] if national else []
