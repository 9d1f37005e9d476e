"""From the many signals of consent to one word that is stored with every event: denied, anonymous or full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from clickstream.event import CONSENTS, Consent
from clickstream.privacy.consent_strings import (
    MEASURE_CONTENT,
    STORE_ON_DEVICE,
    Malformed,
    opted_out_of_sale,
    read_gpp_string,
    read_tc_string,
)

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
    """A site's choices. `gpc` and `dnt` are denied, anonymous, or anything else to ignore the signal."""

    @property
    def unknown_consent(self) -> Consent: ...
    @property
    def gpc(self) -> str: ...
    @property
    def dnt(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Signals:
    """What a request and an event say of consent; None where nothing is said.

    `google` holds those of Google's consent types that were stated, each granted or not. `gdpr` is whether the GDPR
    is said to apply. `sp_anonymous` is Snowplow's server anonymisation.
    """

    stated: Consent | None = None
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
    """What may be kept. `reasons` names the signals that asked for no more than `consent`, in the order of `decide`.

    `advertising` is False for who opted out of the sale of data or of advertising: such events stay out of audiences
    and of exports to advertisers, whatever `consent` is.
    """

    consent: Consent
    reasons: tuple[str, ...]
    advertising: bool


def read_signals(
    headers: Mapping[str, str], stated: Consent | None = None, event_signals: Mapping[str, Any] | None = None
) -> Signals:
    """The signals of a request's headers (names in lower case) and of one event.

    `event_signals` are, by the names trackers use: `gcs`, `analytics_storage`, `ad_storage`, `ad_user_data`,
    `ad_personalization`, `gdpr`, `gdpr_consent`, `gpp`, `us_privacy`, `gpc`, `dnt`, `anonymous`, and `consent`: one of
    our words, or Segment's object with `categoryPreferences`. Others are ignored.
    """
    told = _preferences(event_signals) | {
        name: text for name, value in (event_signals or {}).items() if (text := _text(value)) is not None
    }
    own = told.get("consent", "").lower()
    return Signals(
        stated=stated or (own if own in CONSENTS else None),  # type: ignore[arg-type]
        gpc=headers.get("sec-gpc", "").strip() == "1" or told.get("gpc", "").lower() in _TRUE,
        dnt=headers.get("dnt", "").strip() == "1" or told.get("dnt", "").lower() in _TRUE,
        sp_anonymous="sp-anonymous" in headers or told.get("anonymous", "").lower() in _TRUE,
        google=_google(told),
        gdpr=told["gdpr"].lower() not in _FALSE if "gdpr" in told else None,
        tc_string=told.get("gdpr_consent") or None,
        gpp_string=told.get("gpp") or None,
        us_privacy=told.get("us_privacy") or None,
    )


def decide(signals: Signals, policy: ConsentPolicy) -> Decision:
    """The strictest of what the signals ask for. Who states no consent has the site's `unknown_consent`.

    A string of consent that cannot be read denies. An opt-out is no consent: it bounds what else was stated.
    """
    statements = _statements(signals)
    bounds = dict(_bounds(signals, policy))
    asked = {**(statements or {"unknown": policy.unknown_consent}), **bounds}
    consent = min(asked.values(), key=STRICTNESS.index)
    reasons = tuple(name for name, level in asked.items() if level == consent)
    return Decision(consent, reasons, advertising=not bounds and all(map(signals.google.get, _advertising(signals))))


def _statements(signals: Signals) -> dict[str, Consent]:
    found: dict[str, Consent] = {}
    if signals.stated is not None:
        found["stated"] = signals.stated
    if "analytics_storage" in signals.google:
        found["google"] = "full" if signals.google["analytics_storage"] else "denied"
    if signals.gdpr is not False and (signals.gdpr or signals.tc_string is not None):
        found["tcf"] = _of_tc_string(signals.tc_string)
    if signals.gpp_string is not None and (of_gpp := _of_gpp_string(signals.gpp_string)) is not None:
        found["gpp"] = of_gpp
    return found


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


def _google(told: Mapping[str, str]) -> dict[str, bool]:
    """Google's consent mode. `gcs` is `G1` and a digit each for ad_storage and analytics_storage; 1 grants."""
    gcs = told.get("gcs", "")
    found: dict[str, bool] = {}
    if gcs[:2].upper() == "G1" and len(gcs) == 4:
        pairs = zip(("ad_storage", "analytics_storage"), gcs[2:], strict=True)
        found = {name: digit == "1" for name, digit in pairs if digit != "-"}
    for name in ("analytics_storage", *ADVERTISING_SIGNALS):
        if name in told:
            found[name] = found.get(name, True) and told[name].lower() in _TRUE
    return found


def _preferences(event_signals: Mapping[str, Any] | None) -> dict[str, str]:
    """Segment's categories, whose names a site chooses; the usual ones say what Google's types say."""
    consent = (event_signals or {}).get("consent")
    preferences = consent.get("categoryPreferences") if isinstance(consent, Mapping) else None
    if not isinstance(preferences, Mapping):
        return {}
    return {CATEGORIES[name.lower()]: str(value) for name, value in preferences.items() if name.lower() in CATEGORIES}


def _text(value: object) -> str | None:
    return str(value).strip() if isinstance(value, str | int) else None
