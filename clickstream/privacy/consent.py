"""Maps the signals of consent to the one word that is stored with every event: denied, anonymous or full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from clickstream.model.event import CONSENTS, Consent
from clickstream.privacy.consent_strings import (
    MEASURE_CONTENT,
    STORE_ON_DEVICE,
    Malformed,
    opted_out_of_sale,
    read_gpp_string,
    read_tc_string,
)

# Events that report a choice, which is in their consent: of the tracking script, and of Segment's consent wrapper.
CHOICES = frozenset({"consent", "Segment Consent Preference Updated"})
# Events that always mean consent, whatever their properties: PostHog's `opt_in_capturing`, and of
# Snowplow's `trackConsentGranted`.
GRANTS = frozenset({"$opt_in", "consent_granted"})
STRICTNESS: tuple[Consent, ...] = ("denied", "anonymous", "full")
ADVERTISING_SIGNALS = ("ad_storage", "ad_user_data", "ad_personalization")
CATEGORIES = {
    "analytics": "analytics_storage",
    "performance": "analytics_storage",
    "advertising": "ad_storage",
    "marketing": "ad_storage",
}
_TRUE = ("1", "true", "yes", "granted")
_FALSE = ("", "0", "false", "no")


class ConsentPolicy(Protocol):
    """A site's settings. `gpc` and `dnt` are denied, anonymous, or anything else to ignore the signal."""

    @property
    def unknown_consent(self) -> Consent: ...
    @property
    def gpc(self) -> str: ...
    @property
    def dnt(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Signals:
    """The consent signals of a request and an event; None for a signal that was not sent.

    `google` maps each of Google's consent types that was sent to whether it is granted. `gdpr` is the signal that the
    GDPR applies. `sp_anonymous` is Snowplow's server anonymisation.
    """

    client_consent: Consent | None = None
    gpc: bool = False
    dnt: bool = False
    sp_anonymous: bool = False
    google: Mapping[str, bool] = field(default_factory=dict)
    gdpr: bool | None = None
    tc_string: str | None = None
    gpp_string: str | None = None
    us_privacy: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What may be stored. `reasons` names the signals that allow no more than `consent`, in the order of `decide`.

    `advertising` is False if the visitor opted out of the sale of data or of advertising: such events stay out of
    audiences and of exports to advertisers, whatever `consent` is.
    """

    consent: Consent
    reasons: tuple[str, ...]
    advertising: bool


def read_signals(
    headers: Mapping[str, str], client_consent: Consent | None = None, event_signals: Mapping[str, Any] | None = None
) -> Signals:
    """The signals of a request's headers (names in lower case) and of one event; `client_consent` is its own word.

    `event_signals` are, by the names trackers use: `gcs`, `analytics_storage`, `ad_storage`, `ad_user_data`,
    `ad_personalization`, `gdpr`, `gdpr_consent`, `gpp`, `us_privacy`, `gpc`, `dnt`, `anonymous`, and `consent`: one of
    our words, or Segment's object with `categoryPreferences`. Others are ignored.
    """
    values = _preferences(event_signals) | {
        name: text for name, value in (event_signals or {}).items() if (text := _text(value)) is not None
    }
    event_consent = values.get("consent", "").lower()
    return Signals(
        client_consent=client_consent or (event_consent if event_consent in CONSENTS else None),  # type: ignore[arg-type]
        gpc=headers.get("sec-gpc", "").strip() == "1" or values.get("gpc", "").lower() in _TRUE,
        dnt=headers.get("dnt", "").strip() == "1" or values.get("dnt", "").lower() in _TRUE,
        sp_anonymous="sp-anonymous" in headers or values.get("anonymous", "").lower() in _TRUE,
        google=_google(values),
        gdpr=values["gdpr"].lower() not in _FALSE if "gdpr" in values else None,
        tc_string=values.get("gdpr_consent") or None,
        gpp_string=values.get("gpp") or None,
        us_privacy=values.get("us_privacy") or None,
    )


def decide(signals: Signals, policy: ConsentPolicy) -> Decision:
    """The strictest level of all signals. If no signal states a consent, the site's `unknown_consent` counts.

    A consent string that cannot be read denies. An opt-out states no consent: it only limits the level.
    """
    statements = _statements(signals)
    bounds = dict(_bounds(signals, policy))
    levels = {**(statements or {"unknown": policy.unknown_consent}), **bounds}
    consent = min(levels.values(), key=STRICTNESS.index)
    reasons = tuple(name for name, level in levels.items() if level == consent)
    return Decision(consent, reasons, advertising=not bounds and all(map(signals.google.get, _advertising(signals))))


def _statements(signals: Signals) -> dict[str, Consent]:
    statements: dict[str, Consent] = {}
    if signals.client_consent is not None:
        statements["stated"] = signals.client_consent
    if "analytics_storage" in signals.google:
        statements["google"] = "full" if signals.google["analytics_storage"] else "denied"
    if signals.gdpr is not False and (signals.gdpr or signals.tc_string is not None):
        statements["tcf"] = _of_tc_string(signals.tc_string)
    if signals.gpp_string is not None and (of_gpp := _of_gpp_string(signals.gpp_string)) is not None:
        statements["gpp"] = of_gpp
    return statements


def _bounds(signals: Signals, policy: ConsentPolicy) -> list[tuple[str, Consent]]:
    opted_out = (
        ("gpc", signals.gpc, policy.gpc),
        ("gpp_opt_out", _gpp_opts_out(signals.gpp_string), policy.gpc),
        ("us_privacy", _sale_is_opted_out(signals.us_privacy), policy.gpc),
        ("dnt", signals.dnt, policy.dnt),
        ("sp_anonymous", signals.sp_anonymous, "anonymous"),
    )
    return [(name, level) for name, is_set, level in opted_out if is_set and level in ("denied", "anonymous")]  # type: ignore[misc]


def _advertising(signals: Signals) -> list[str]:
    return [name for name in ADVERTISING_SIGNALS if name in signals.google]


def _of_tc_string(text: str | None) -> Consent:
    try:
        return _of_purposes(read_tc_string(text or ""))
    except Malformed:
        return "denied"


def _of_gpp_string(text: str) -> Consent | None:
    try:
        purposes = read_gpp_string(text).purposes
    except Malformed:
        return "denied"
    return None if purposes is None else _of_purposes(purposes)


def _of_purposes(purposes: frozenset[int]) -> Consent:
    if MEASURE_CONTENT not in purposes:
        return "denied"
    return "full" if STORE_ON_DEVICE in purposes else "anonymous"


def _gpp_opts_out(text: str | None) -> bool:
    try:
        return text is not None and read_gpp_string(text).opted_out
    except Malformed:
        return True


def _sale_is_opted_out(text: str | None) -> bool:
    try:
        return text is not None and opted_out_of_sale(text)
    except Malformed:
        return True


def _google(values: Mapping[str, str]) -> dict[str, bool]:
    """Google's consent mode. `gcs` is `G1`, then one digit each for ad_storage and analytics_storage; 1 grants."""
    gcs = values.get("gcs", "")
    consents: dict[str, bool] = {}
    if gcs[:2].upper() == "G1" and len(gcs) == 4:
        pairs = zip(("ad_storage", "analytics_storage"), gcs[2:], strict=True)
        consents = {name: digit == "1" for name, digit in pairs if digit != "-"}
    for name in ("analytics_storage", *ADVERTISING_SIGNALS):
        if name in values:
            consents[name] = consents.get(name, True) and values[name].lower() in _TRUE
    return consents


def _preferences(event_signals: Mapping[str, Any] | None) -> dict[str, str]:
    """Segment's categories, whose names a site chooses, mapped to Google's types; only the usual names are known."""
    consent = (event_signals or {}).get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, Mapping) else None
    if not isinstance(preferences, Mapping):
        return {}
    return {CATEGORIES[name.lower()]: str(value) for name, value in preferences.items() if name.lower() in CATEGORIES}


def _text(value: object) -> str | None:
    return str(value).strip() if isinstance(value, str | int) else None
