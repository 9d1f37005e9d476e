"""The steps of enrichment, in order. Each derives named columns from named columns, with lists that have versions."""

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
from clickstream.enriching.agent_lists import NO_RULES, AgentRules
from clickstream.enriching.arrivals import Arrival, Rules, traffic
from clickstream.enriching.bots import LOOKED_AT
from clickstream.enriching.distinct import distinct
from clickstream.enriching.places import NOWHERE, Places
from clickstream.enriching.sources import SourceList, read_sources
from clickstream.model.schema import DERIVED_COLUMNS, VERSION_COLUMN

# Lower bounds of widths in pixels, widest first: common breakpoints of style sheets.
SCREEN_CLASSES = ((1200, "xl"), (992, "lg"), (768, "md"), (576, "sm"), (1, "xs"))
_PRIMARY_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_].*)?", re.DOTALL)
_TYPES = {column.name: column.type for column in DERIVED_COLUMNS}

Values = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The lists that steps look values up in. `sites` has the rules by site; a site without rules may be missing."""

    sources: SourceList = field(default_factory=read_sources)
    agents: AgentRules = NO_RULES
    sites: Mapping[str, Rules] = field(default_factory=dict)
    places: Places | None = None


def _no_list(knowledge: Knowledge, site: str) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Step:
    """One group of derived columns.

    `make` maps one combination of the values that the step `reads` to those that it `makes`. It is called once per
    combination and depends only on its arguments. `version` counts changes of this code; `lists` returns the versions
    of the lists that it uses, which may be a site's own.
    """

    name: str
    version: int
    reads: tuple[str, ...]
    makes: tuple[str, ...]
    make: Callable[[Values, Knowledge], Values]
    lists: Callable[[Knowledge, str], str] = _no_list

    def version_for(self, knowledge: Knowledge, site: str) -> str:
        """The version of code and lists for a site's rows: `version` or `version/lists`."""
        lists = self.lists(knowledge, site)
        return f"{self.version}/{lists}" if lists else str(self.version)


def _agent(values: Values, knowledge: Knowledge) -> Values:
    (agent,) = values
    parsed = agents.describe(agent[:LOOKED_AT]) if agent else agents.Agent()
    return parsed.browser, parsed.browser_version, parsed.os, parsed.os_version


def _device(values: Values, knowledge: Knowledge) -> Values:
    agent, tracker = values
    return agents.device(agent[:LOOKED_AT], tracker is not None, knowledge.agents) if agent else (None, False)


def _device_lists(knowledge: Knowledge, site: str) -> str:
    return "+".join(filter(None, (agents.devices_version(), knowledge.agents.digest)))


def _click(values: Values, knowledge: Knowledge) -> Values:
    click, query = values
    return ((click or "").partition("=")[0] or knowledge.sources.click_id_in(query or "") or None,)


def _click_lists(knowledge: Knowledge, site: str) -> str:
    return knowledge.sources.version


def _source(values: Values, knowledge: Knowledge) -> Values:
    site, *rest = values
    return traffic(Arrival(*rest), knowledge.sources, knowledge.sites.get(site))


def _source_lists(knowledge: Knowledge, site: str) -> str:
    rules = knowledge.sites.get(site)
    if rules is None or not (rules.sources or rules.internal_hosts):
        return knowledge.sources.version
    site_rules = [[rule.model_dump(mode="json") for rule in rules.sources], rules.internal_hosts]
    return f"{knowledge.sources.version}+{blake2b(orjson.dumps(site_rules), digest_size=4).hexdigest()}"


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
        2,
        ("user_agent", "tracker"),
        ("device_class", "is_bot"),
        _device,
        _device_lists,
    ),
    Step("click", 2, ("click_id", "page_query"), ("click_id_kind",), _click, _click_lists),
    Step(
        "source",
        2,
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
    """The rows with the columns that these steps make, which replace existing ones.

    Derived columns that no step has made, now or before, are null. `enrichment_version` is `step:version/lists` for
    each step; steps that are not among these keep their previous entry.
    """
    steps = tuple(steps)
    for step in steps:
        rows = _with_columns(rows, step.reads, step.makes, partial(_make, step, knowledge))
    for name, kind in _TYPES.items():
        if name not in rows.column_names:
            rows = rows.append_column(name, pa.nulls(rows.num_rows, kind))

    def version(values: Values) -> Values:
        site, before = values
        return (current_version(before, site, knowledge, steps),)

    return _with_columns(rows, ("site", VERSION_COLUMN), (VERSION_COLUMN,), version)


def _make(step: Step, knowledge: Knowledge, values: Values) -> Values:
    return step.make(values, knowledge)


def current_version(before: str | None, site: str, knowledge: Knowledge, steps: Iterable[Step]) -> str:
    """The `enrichment_version` of a site's rows after these steps, if it was `before`."""
    versions = dict(token.split(":", 1) for token in (before or "").split() if ":" in token)
    versions.update({step.name: step.version_for(knowledge, site) for step in steps})
    return " ".join(f"{step.name}:{versions[step.name]}" for step in STEPS if step.name in versions)


def _with_columns(
    rows: pa.Table, reads: tuple[str, ...], makes: tuple[str, ...], make: Callable[[Values], Values]
) -> pa.Table:
    combinations = distinct(rows, reads)
    results = [
        make(values) for values in zip(*(column.to_pylist() for column in combinations.rows.columns), strict=True)
    ]
    for index, name in enumerate(makes):
        values = pa.array([values[index] for values in results], _TYPES[name]).take(combinations.of_row)
        at = rows.schema.get_field_index(name)
        rows = rows.append_column(name, values) if at < 0 else rows.set_column(at, name, values)
    return rows
