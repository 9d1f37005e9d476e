"""Where a visit comes from: source, medium and channel of one arrival."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from clickstream.enriching.sources import Kind, SourceList
from clickstream.sites.source_rules import SourceRule

DIRECT, NONE, NOT_SET = "(direct)", "(none)", "(not set)"
# Events of these types are arrivals even where they name no page's host.
VIEWS = frozenset({"page_view", "screen"})
# The medium of a source that is known by its host, by kind; a host of any other kind refers.
MEDIUMS: Mapping[Kind, str] = {"search": "organic", "social": "social", "ai": "ai", "video": "video", "email": "email"}
PAID_CHANNELS: Mapping[Kind | None, str] = {
    "search": "Paid Search",
    "social": "Paid Social",
    "video": "Paid Video",
    "shopping": "Paid Shopping",
    "display": "Display",
}
CHANNELS: Mapping[Kind | None, str] = {
    "search": "Organic Search",
    "social": "Organic Social",
    "ai": "AI Assistants",
    "video": "Organic Video",
    "shopping": "Organic Shopping",
    "email": "Email",
    "affiliate": "Affiliates",
    "display": "Display",
}
# By the words of utm_medium, in this order; after the default channel group of Google Analytics
# (https://support.google.com/analytics/answer/9756891). A medium in so many words counts before the kind of its source.
_STATED: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), channel)
    for pattern, channel in (
        (r"display|banner|expandable|interstitial|cpm", "Display"),
        (r"e[-_ ]?mail|newsletter", "Email"),
        (r"affiliates?", "Affiliates"),
        (r"sms", "SMS"),
        (r"audio|podcast", "Audio"),
        (r".*push|.*notification.*", "Mobile Push Notifications"),
    )
]
_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*")
_IMPLIED: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), channel)
    for pattern, channel in (
        (r"organic", "Organic Search"),
        (r"social|social[- ]network|social[- ]media|sm", "Organic Social"),
        (r".*video.*", "Organic Video"),
        (r"ai|ai[-_ ]assistant|llm|chatbot", "AI Assistants"),
        (r"referral|app|link", "Referral"),
    )
]


class Rules(Protocol):
    """What a site says of its own traffic; `clickstream.sites.document.Site` does."""

    @property
    def sources(self) -> Sequence[SourceRule]: ...

    @property
    def internal_hosts(self) -> Sequence[str]: ...

    def is_internal(self, host: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """What an event says of where it came from. `click_id` is the parameter's name alone; hosts are in lower case."""

    event_type: str | None = None
    page_host: str | None = None
    referrer_host: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    click_id: str | None = None


class Traffic(NamedTuple):
    """Source, medium and channel; all None of an event that is no arrival."""

    source: str | None = None
    medium: str | None = None
    channel: str | None = None


def traffic(arrival: Arrival, known: SourceList, rules: Rules | None) -> Traffic:
    """By the site's rules, else by what the address states, else by the referrer."""
    by_lists = _by_lists(arrival, known, rules)
    parts = {
        "host": arrival.referrer_host,
        "utm_source": arrival.utm_source,
        "utm_medium": arrival.utm_medium,
        "utm_campaign": arrival.utm_campaign,
        "click_id": arrival.click_id,
    }
    said: dict[str, str] = {}
    for rule in rules.sources if rules is not None else ():
        if rule.when.hold(parts):
            said = {**rule.model_dump(exclude={"when"}, exclude_none=True), **said}
    return by_lists._replace(**said) if said else by_lists


def _by_lists(arrival: Arrival, known: SourceList, rules: Rules | None) -> Traffic:
    click = known.click_ids.get(arrival.click_id or "")
    referrer = None if _is_internal(arrival, rules) else arrival.referrer_host
    if arrival.utm_source or arrival.utm_medium or click is not None:
        name = arrival.utm_source or (click.source if click is not None else None)
        found = known.of_name(name) if name else known.of_host(referrer or "")
        source = found.name if found is not None else (name or referrer or NOT_SET).strip().lower()
        kind = found.kind if found is not None else None
        stated = (arrival.utm_medium or (click.medium if click is not None else None) or "").strip().lower()
        medium = stated or (MEDIUMS.get(kind, NOT_SET) if kind is not None else NOT_SET)
        return Traffic(source, medium, channel(kind, stated))
    if referrer:
        found = known.of_host(referrer)
        if found is None:
            return Traffic(referrer.removeprefix("www."), "referral", "Referral")
        return Traffic(found.name, MEDIUMS.get(found.kind, "referral"), CHANNELS[found.kind])
    if arrival.referrer_host:
        return Traffic(arrival.referrer_host, "internal", "Internal")
    if arrival.page_host or arrival.event_type in VIEWS:
        return Traffic(DIRECT, NONE, "Direct")
    return Traffic()


def channel(kind: Kind | None, medium: str) -> str:
    """The channel of a campaign: by its stated medium, in lower case and maybe empty, and its source's kind."""
    if _PAID.fullmatch(medium) and (kind in PAID_CHANNELS or not _STATED[0][0].fullmatch(medium)):
        return PAID_CHANNELS.get(kind, "Paid Other")
    for pattern, name in _STATED:
        if pattern.fullmatch(medium):
            return name
    if kind is not None:
        return CHANNELS[kind]
    for pattern, name in _IMPLIED:
        if pattern.fullmatch(medium):
            return name
    return "Unassigned"


def _is_internal(arrival: Arrival, rules: Rules | None) -> bool:
    host = arrival.referrer_host
    if host is None:
        return False
    own = arrival.page_host is not None and host.removeprefix("www.") == arrival.page_host.removeprefix("www.")
    return own or (rules is not None and rules.is_internal(host))
