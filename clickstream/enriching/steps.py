"""The steps of enrichment, in order: each makes named columns from named columns, by lists that have versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import Any

import orjson
import pyarrow as pa

from clickstream.enriching import agents
from clickstream.enriching.arrivals import Arrival, Rules, traffic
from clickstream.enriching.bots import LOOKED_AT
from clickstream.enriching.distinct import distinct
from clickstream.enriching.places import NOWHERE, Places
from clickstream.enriching.sources import SourceList, read_sources
from clickstream.lake.schema import DERIVED_COLUMNS, VERSION_COLUMN

# Lower bounds of widths in pixels, widest first: those that style sheets commonly break at.
SCREEN_CLASSES = ((1200, "xl"), (992, "lg"), (768, "md"), (576, "sm"), (1, "xs"))
_PRIMARY_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?", re.DOTALL)
_TYPES = {column.name: column.type for column in DERIVED_COLUMNS}

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What steps look things up in. `sites` is by name; of a site that is not in it no rule is known."""

    sources: SourceList = field(default_factory=read_sources)
    sites: Mapping[str, Rules] = field(default_factory=dict)
    places: Places | None = None


def _no_list(knowledge: Knowledge, site: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Step:
    """One group of derived columns.

    `make` turns one combination of the values that the step `reads` into those that it `makes`; it is called once for
    each combination and looks at nothing but its arguments. `version` counts changes of this code; `lists` tells the
    versions of what is looked up in, which may be a site's own.
    """

    name: str
    version: int
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    make: Callable[[Values, Knowledge], Values]
    lists: Callable[[Knowledge, str], str] = _no_list

    def version_for(self, knowledge: Knowledge, site: str) -> str:
        """By which code and which lists a site's rows are enriched."""
        lists = self.lists(knowledge, site)
        return f"{self.version}/{lists}" if lists else str(self.version)


def _agent(values: Values, knowledge: Knowledge) -> Values:
    (agent,) = values
    told = agents.describe(agent[:LOOKED_AT]) if agent else agents.Agent()
    return told.browser, told.browser_version, told.os, told.os_version


def _device(values: Values, knowledge: Knowledge) -> Values:
    agent, tracker = values
    return agents.device(agent[:LOOKED_AT], tracker is not None) if agent else (None, False)


def _click(values: Values, knowledge: Knowledge) -> Values:
    (click,) = values
    return ((click or "").partition("=")[0] or None,)


def _source(values: Values, knowledge: Knowledge) -> Values:
    site, *rest = values
    return traffic(Arrival(*rest), knowledge.sources, knowledge.sites.get(site))


def _source_lists(knowledge: Knowledge, site: str) -> str:
    rules = knowledge.sites.get(site)
    if rules is None or not (rules.sources or rules.internal_hosts):
        return knowledge.sources.version
    stated = [[rule.model_dump(mode="json") for rule in rules.sources], rules.internal_hosts]
    return f"{knowledge.sources.version}+{blake2b(orjson.dumps(stated), digest_size=4).hexdigest()}"


def _place(values: Values, knowledge: Knowledge) -> Values:
    (ip,) = values
    return knowledge.places.of(ip) if knowledge.places is not None and ip else NOWHERE


def _place_lists(knowledge: Knowledge, site: str) -> str:
    return knowledge.places.version if knowledge.places is not None else "none"


def _language(values: Values, knowledge: Knowledge) -> Values:
    (language,) = values
    tag = _PRIMARY_LANGUAGE.fullmatch(language or "")
    return (tag[1].lower() if tag is not None else None,)


def _screen(values: Values, knowledge: Knowledge) -> Values:
    screen, viewport = values
    width = viewport if screen is None else screen
    return (next((name for least, name in SCREEN_CLASSES if width is not None and width >= least), None),)


STEPS: tuple[Step, ...] = (
    Step(
        "agent",
        1,
        ("user_agent",),
        ("browser", "browser_version", "os", "os_version"),
        _agent,
        lambda knowledge, site: agents.agents_version(),
    ),
    Step(
        "device",
        1,
        ("user_agent", "tracker"),
        ("device_class", "is_bot"),
        _device,
        lambda knowledge, site: agents.devices_version(),
    ),
    Step("click", 1, ("click_id",), ("click_id_kind",), _click),
    Step(
        "source",
        1,
        (
            "site",
            "event_type",
            "page_host",
            "referrer_host",
            "utm_source",
            "utm_medium",
            "utm_campaign",
            "click_id_kind",
        ),
        ("source", "medium", "channel"),
        _source,
        _source_lists,
    ),
    Step("place", 1, ("ip",), ("country", "region", "city"), _place, _place_lists),
    Step("language", 1, ("language",), ("primary_language",), _language),
    Step("screen", 1, ("screen_width", "viewport_width"), ("screen_class",), _screen),
)


def enrich(rows: pa.Table, knowledge: Knowledge, steps: Iterable[Step] = STEPS) -> pa.Table:
    """The rows with the columns that these steps make, put in place of those that are there.

    Derived columns that no step made, now or before, are null.

    `enrichment_version` tells by what: `step:version/lists` for each step, those before it that are not asked for
    as they were.
    """
    steps = tuple(steps)
    for step in steps:
        rows = _made(rows, step.reads, step.makes, partial(_make, step, knowledge))
    for name, kind in _TYPES.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))

    def version(values: Values) -> Values:
        site, before = values
        return (current_version(before, site, knowledge, steps),)

    return _made(rows, ("site", VERSION_COLUMN), (VERSION_COLUMN,), version)


def _make(step: Step, knowledge: Knowledge, values: Values) -> Values:
    return step.make(values, knowledge)


def current_version(before: str | None, site: str, knowledge: Knowledge, steps: Iterable[Step]) -> str:
    """The text of `enrichment_version`, once these steps were done on a site's rows that had the text `before`."""
    known = dict(token.split(":", 1) for token in (before or "").split() if ":" in token)
    known.update({step.name: step.version_for(knowledge, site) for step in steps})
    return " ".join(f"{step.name}:{known[step.name]}" for step in STEPS if step.name in known)


def _made(rows: pa.Table, reads: tuple[str, ...], makes: tuple[str, ...], make: Callable[[Values], Values]) -> pa.Table:
    found = distinct(rows, reads)
    made = [make(values) for values in zip(*(column.to_pylist() for column in found.rows.columns), strict=True)]
    for index, name in enumerate(makes):
        values = pa.array([values[index] for values in made], _TYPES[name]).take(found.of_row)
        at = rows.schema.get_field_index(name)
        rows = rows.append_column(name, values) if at < 0 else rows.set_column(at, name, values)
    return rows
