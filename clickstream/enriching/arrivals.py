"""Classifies the traffic source of one arrival: source, medium and channel."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from clickstream.enriching.sources import Kind, SourceList
from clickstream.sites.source_rules import SourceRule

DIRECT, NONE, NOT_SET = "(direct)", "(none)", "(not set)"
# Events of these types are arrivals even if they have no page host.
VIEWS = frozenset({"page_view", "screen"})
# The medium of a source known by its host, by the source's kind; for any other kind it is `referral`.
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
    "referral": "Referral",
}
# What other tools write if there was no campaign.
_NO_SOURCE = frozenset({"(direct)", "direct"})
_NO_MEDIUM = frozenset({"", "(none)", "none", "(not set)", "not set"})
# Channels by the words of utm_medium, in this order, after the default channel group of Google Analytics
# (https://support.google.com/analytics/answer/9756891). docs/enrichment.md lists where the order differs, and why.
# DOTALL, because otherwise a text with many line ends takes quadratic time: each `shop` is tried with what follows it.
_STATED_CHANNELS: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, re.DOTALL), channel)
    for pattern, channel in (
        (r"display|banner|expandable|interstitial|cpm", "Display"),
        (r"e[-_ ]?mail|newsletter", "Email"),
        (r"affiliates?", "Affiliates"),
        (r"sms", "SMS"),
        (r"audio|podcast", "Audio"),
        (r".*push|.*mobile.*|.*notification.*", "Mobile Push Notifications"),
    )
]
_PAID = re.compile(r".*cp.*|ppc|retargeting|paid.*", re.DOTALL)
_SHOP = re.compile(r".*(?:(?:[^a-df-z]|^)shop|shopping).*", re.DOTALL)
# Values of utm_source that determine the channel, as a medium would.
_SOURCES_OF_CHANNELS: Mapping[str, str] = {"sms": "SMS", "firebase": "Mobile Push Notifications"}
_IMPLIED_CHANNELS: Sequence[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern, re.DOTALL), channel)
    for pattern, channel in (
        (r"organic", "Organic Search"),
        (r"social|social[- ]network|social[- ]media|sm", "Organic Social"),
        (r".*video.*", "Organic Video"),
        (r"ai|ai[-_ ]assistant|llm|chatbot", "AI Assistants"),
        (r"referral|app|link", "Referral"),
    )
]


class Rules(Protocol):
    """A site's rules for its traffic; `clickstream.sites.document.Site` implements them."""

    @property
    def sources(self) -> Sequence[SourceRule]: ...

    @property
    def internal_hosts(self) -> Sequence[str]: ...

    def is_internal(self, host: str) -> bool: ...


@dataclass(frozen=True, slots=True)
class Arrival:
    """The fields of an event that show its origin. `click_id` is only the parameter's name; hosts are in lower case."""

    event_type: str | None = None
    page_host: str | None = None
    referrer_host: str | None = None
    utm_source: str | None = None
    utm_medium: str | None = None
    utm_campaign: str | None = None
    click_id: str | None = None


class Traffic(NamedTuple):
    """Source, medium and channel; all None for an event that is not an arrival."""

    source: str | None = None
    medium: str | None = None
    channel: str | None = None


def traffic(arrival: Arrival, lists: SourceList, rules: Rules | None) -> Traffic:
    """Classify an arrival: by the site's rules, else by the URL's campaign parameters, else by the referrer."""
    by_lists = _by_lists(arrival, lists, rules)
    parts = {
        "host": arrival.referrer_host,
        "utm_source": arrival.utm_source,
        "utm_medium": arrival.utm_medium,
        "utm_campaign": arrival.utm_campaign,
        "click_id": arrival.click_id,
    }
    labels: dict[str, str] = {}
    for rule in rules.sources if rules is not None else ():
        if rule.when.hold(parts):
            labels = {**rule.model_dump(exclude={"when"}, exclude_none=True), **labels}
    return by_lists._replace(**labels) if labels else by_lists


def _by_lists(arrival: Arrival, lists: SourceList, rules: Rules | None) -> Traffic:
    click = lists.click_ids.get(arrival.click_id or "")
    if click is None and _says_direct(arrival):
        return Traffic(DIRECT, NONE, "Direct")
    referrer = None if _is_internal(arrival, rules) else arrival.referrer_host
    if arrival.utm_source or arrival.utm_medium or click is not None:
        name = arrival.utm_source or (click.source if click is not None else None)
        known_source = lists.of_name(name) if name else lists.of_host(referrer or "")
        source = known_source.name if known_source is not None else (name or referrer or NOT_SET).strip().lower()
        kind = known_source.kind if known_source is not None else None
        medium_of_campaign = (arrival.utm_medium or (click.medium if click is not None else None) or "").strip().lower()
        medium = medium_of_campaign or (MEDIUMS.get(kind, NOT_SET) if kind is not None else NOT_SET)
        campaign = (arrival.utm_campaign or "").strip().lower()
        return Traffic(source, medium, channel(kind, medium_of_campaign, campaign, source.lower()))
    if referrer:
        known_source = lists.of_host(referrer)
        if known_source is None:
            return Traffic(referrer.removeprefix("www."), "referral", "Referral")
        return Traffic(known_source.name, MEDIUMS.get(known_source.kind, "referral"), CHANNELS[known_source.kind])
    if arrival.referrer_host:
        return Traffic(arrival.referrer_host, "internal", "Internal")
    if arrival.page_host or arrival.event_type in VIEWS:
        return Traffic(DIRECT, NONE, "Direct")
    return Traffic()


def _says_direct(arrival: Arrival) -> bool:
    source, medium = ((part or "").strip().lower() for part in (arrival.utm_source, arrival.utm_medium))
    return source in _NO_SOURCE and medium in _NO_MEDIUM


def channel(kind: Kind | None, medium: str, campaign: str = "", source: str = "") -> str:
    """The channel of a campaign, by its source's kind and its parameters, which are in lower case and may be empty."""
    if "cross-network" in campaign:
        return "Cross-network"
    shop = _SHOP.fullmatch(campaign) is not None
    if shop and _PAID.fullmatch(medium):
        return "Paid Shopping"
    if _PAID.fullmatch(medium) and (kind in PAID_CHANNELS or not _STATED_CHANNELS[0][0].fullmatch(medium)):
        return PAID_CHANNELS.get(kind, "Paid Other")
    for pattern, name in _STATED_CHANNELS:
        if pattern.fullmatch(medium):
            return name
    if source in _SOURCES_OF_CHANNELS:
        return _SOURCES_OF_CHANNELS[source]
    if shop:
        return "Organic Shopping"
    if kind is not None:
        return CHANNELS[kind]
    for pattern, name in _IMPLIED_CHANNELS:
        if pattern.fullmatch(medium):
            return name
    return "Unassigned"


def _is_internal(arrival: Arrival, rules: Rules | None) -> bool:
    host = arrival.referrer_host
    if host is None:
        return False
    own = arrival.page_host is not None and host.removeprefix("www.") == arrival.page_host.removeprefix("www.")
    return own or (rules is not None and rules.is_internal(host))
