"""The list of known sources: which name and kind a host, a `utm_source` or a click id stands for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from clickstream.enriching.unusable import Unusable
from clickstream.sites.problems import told

Kind = Literal["search", "ai", "social", "video", "shopping", "email", "affiliate", "display"]
LONGEST_HOST = 253  # characters, RFC 1035 (2.3.4)
# Of the domains of countries, those under which names stand one level deeper.
SECOND_LEVEL = frozenset({"co", "com", "org", "net", "edu", "gov", "ne", "or"})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Text = Annotated[str, StringConstraints(min_length=1, max_length=200)]
ListedHost = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*\.([a-z0-9_-]+|\*)$")]


class Source(_Strict):
    """One service that people come from."""

    name: Text
    kind: Kind
    hosts: tuple[ListedHost, ...] = ()
    names: tuple[Text, ...] = ()


class ClickId(_Strict):
    """What the presence of an advertiser's click id says."""

    source: Text
    medium: Text | None = None


class Document(_Strict):
    """One list, as it is written."""

    version: Text
    sources: tuple[Source, ...] = ()
    click_ids: Mapping[str, ClickId] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SourceList:
    """Looks sources up by host and by name. `version` tells two lists apart."""

    version: str
    click_ids: Mapping[str, ClickId]
    _by_host: Mapping[str, Source]
    _by_name: Mapping[str, Source]

    def of_host(self, host: str) -> Source | None:
        """The source that a host, in lower case, belongs to: by its longest known ending."""
        if len(host) > LONGEST_HOST:
            return None
        for ending in _endings(host):
            found = self._by_host.get(ending)
            if found is not None:
                return found
        return None

    def of_name(self, name: str) -> Source | None:
        """The source that a `utm_source` names, as one of its names or as a host of it."""
        plain = name.strip().lower()
        return self._by_name.get(plain) or (self.of_host(plain) if "." in plain else None)


def read_sources(operators: bytes | None = None) -> SourceList:
    """The packaged list, under the operator's own where there is one: its entries win.

    Raise Unusable with every problem of the operator's.
    """
    documents = [packaged()] if operators is None else [packaged(), _parse(operators)]
    sources = [source for document in documents for source in document.sources]
    digest = "" if operators is None else f"+{blake2b(operators, digest_size=4).hexdigest()}"
    return SourceList(
        f"{documents[0].version}{digest}",
        {name: click for document in documents for name, click in document.click_ids.items()},
        {host: source for source in sources for host in source.hosts},
        {name.lower(): source for source in sources for name in (*source.names, source.name)},
    )


@lru_cache(maxsize=1)
def packaged() -> Document:
    """The list that comes with the product."""
    return _parse((files("clickstream.enriching") / "data" / "sources.yaml").read_bytes())


def _parse(text: bytes) -> Document:
    try:
        document: Any = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise Unusable([f"not YAML: {' '.join(str(error).split())}"]) from None
    try:
        return Document.model_validate(document)
    except ValidationError as error:
        raise Unusable(told(error)) from None


def _endings(host: str) -> Iterator[str]:
    """The host and the domains it lies under, longest first; each also under any country's domain."""
    labels = host.strip(".").split(".")
    for start in range(len(labels)):
        rest = labels[start:]
        yield ".".join(rest)
        yield from _of_any_country(rest)


def _of_any_country(labels: list[str]) -> Iterable[str]:
    if len(labels) > 2 and labels[-2] in SECOND_LEVEL and len(labels[-1]) == 2:
        return [".".join([*labels[:-2], "*"])]
    return [".".join([*labels[:-1], "*"])] if len(labels) > 1 else []
