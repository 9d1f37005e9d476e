"""Every signal of consent ends in one word, and the strictest signal wins."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.model.event import CONSENTS, Consent
from clickstream.privacy.consent import STRICTNESS, Signals, decide, read_signals
from clickstream.privacy.consent_strings import Malformed, opted_out_of_sale, read_gpp_string, read_tc_string
from clickstream.sites.privacy import Privacy

# Real strings: of the IAB's own documents and of public implementations.
TC_ALL = (
    "COxR03kOxR1CqBcABCENAgCMAP_AAH_AAAqIF3EXySoGY2thI2YVFxBEIYwfJxyigMgChgQIsSwNQIeFLBoGLiAAHBGYJAQAGBAEEACBAQIkHGBMCQAAgA"
    "gBiRCMQEGMCzNIBIBAggEbY0FACCVmHkHSmZCY7064O__QLuIJEFQMAkSBAIACLECIQwAQDiAAAYAlAAABAhIaAAgIWBQEeAAAACAwAAgAAABBAAACAAQA"
    "AICIAAABAAAgAiAQAAAAGgIQAACBABACRIAAAEANCAAgiCEAQg4EAo4AAA"
)
TC_NONE = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA"
GPP_TC_NONE_AND_USP = f"DBACNYA~{TC_NONE}~1YNN"
GPP_CALIFORNIA = "DBABBg~BAAAAACA"
GPP_CANADA = "DBABDA~BPXuQIAPXuQIAAfKABENB-CgAAAAAAAAAAAAAAAA"
BROKEN = (
    "",
    "x",
    "${GDPR_CONSENT_755}",
    "COxR03k",
    "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA",
    TC_ALL[:34],
    "é" * 60,
    "C" * 20_000,
)


def tc_string(*purposes: int) -> str:
    """The core of a TC string that consents to these purposes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    bits = f"{2:06b}" + "0" * 146 + "".join("1" if number in purposes else "0" for number in range(1, 25)) + "0" * 64
    return "".join(alphabet[int(bits[at : at + 6], 2)] for at in range(0, 240, 6))


@dataclass(frozen=True)
class Policy:
    unknown_consent: Consent = "full"
    gpc: str = "anonymous"
    dnt: str = "anonymous"


@pytest.mark.parametrize(
    ("signals", "consent"),
    [
        ({}, "full"),
        ({"consent": "anonymous"}, "anonymous"),
        ({"consent": "perhaps"}, "full"),
        ({"gcs": "G111"}, "full"),
        ({"gcs": "G101"}, "full"),
        ({"gcs": "G110"}, "denied"),
        ({"gcs": "G100"}, "denied"),
        ({"gcs": "G1--"}, "full"),
        ({"analytics_storage": "granted"}, "full"),
        ({"analytics_storage": "denied"}, "denied"),
        ({"analytics_storage": "whatever"}, "denied"),
        ({"gcs": "G111", "analytics_storage": "DENIED"}, "denied"),
        ({"ad_user_data": "DENIED", "ad_personalization": "DENIED"}, "full"),
        ({"gdpr": "0", "gdpr_consent": TC_NONE}, "full"),
        ({"gdpr": 1}, "denied"),
        ({"gdpr": 1, "gdpr_consent": TC_ALL}, "full"),
        ({"gdpr_consent": TC_NONE}, "denied"),
        ({"gdpr": "${GDPR}", "gdpr_consent": "${GDPR_CONSENT_1}"}, "denied"),
        ({"gdpr": 1, "gdpr_consent": tc_string(1, 8)}, "full"),
        ({"gdpr": 1, "gdpr_consent": tc_string(8)}, "anonymous"),
        ({"gdpr": 1, "gdpr_consent": tc_string(1, 2, 3, 7, 9)}, "denied"),
        ({"gpp": GPP_TC_NONE_AND_USP}, "denied"),
        ({"gpp": GPP_CALIFORNIA}, "full"),
        ({"gpp": GPP_CALIFORNIA + ".YA"}, "anonymous"),
        ({"gpp": GPP_CALIFORNIA + ".QA"}, "full"),
        ({"gpp": "DBABBg"}, "denied"),
        ({"gpp": TC_ALL}, "denied"),
        ({"us_privacy": "1YNN"}, "full"),
        ({"us_privacy": "1YYN"}, "anonymous"),
        ({"us_privacy": "?"}, "anonymous"),
        ({"gpc": True}, "anonymous"),
        ({"dnt": "1"}, "anonymous"),
        ({"anonymous": True}, "anonymous"),
        ({"consent": {"categoryPreferences": {"Analytics": False}}}, "denied"),
        ({"consent": {"categoryPreferences": {"analytics": True, "Other": False}}}, "full"),
        ({"consent": {"categoryPreferences": None}, "consentManagement": {"x": []}}, "full"),
    ],
)
def test_a_signal_of_an_event_is_understood(signals: dict[str, Any], consent: Consent) -> None:
    assert decide(read_signals({}, None, signals), Policy()).consent == consent


@pytest.mark.parametrize("text", [*BROKEN[1:]])
def test_a_string_that_cannot_be_read_denies(text: str) -> None:
    assert decide(Signals(tc_string=text, client_consent="full"), Policy()).consent == "denied"
    assert decide(Signals(gpp_string=text, client_consent="full"), Policy()).consent == "denied"
    with pytest.raises(Malformed):
        read_tc_string(text)
    with pytest.raises(Malformed):
        read_gpp_string(text)


def test_real_strings_are_read() -> None:
    assert read_tc_string(TC_ALL) == frozenset(range(1, 11))
    assert read_tc_string(f"{TC_ALL}.IF3EX.elAAAAAAAWA") == frozenset(range(1, 11))
    assert read_tc_string(TC_NONE) == frozenset()
    assert read_gpp_string(GPP_TC_NONE_AND_USP).purposes == frozenset()
    assert read_gpp_string(GPP_CANADA).purposes is None
    assert opted_out_of_sale("1YYN")


STATED: tuple[Consent | None, ...] = (None, "denied", "anonymous", "full")
GOOGLE: tuple[dict[str, bool], ...] = ({}, {"analytics_storage": False}, {"analytics_storage": True})
TCF = (None, "broken", tc_string(), tc_string(8), tc_string(1, 8))
FLAGS = tuple(product((False, True), repeat=3))
POLICIES = tuple(product(STRICTNESS, ("denied", "anonymous", "ignore"), ("denied", "anonymous", "ignore")))


@pytest.mark.parametrize("stated", STATED)
def test_the_strictest_signal_of_consent_decides(stated: Consent | None) -> None:
    of_tcf = {"broken": "denied", TCF[2]: "denied", TCF[3]: "anonymous", TCF[4]: "full"}
    for google, tcf, (gpc, dnt, sp_anonymous), (unknown, of_gpc, of_dnt) in product(GOOGLE, TCF, FLAGS, POLICIES):
        signals = Signals(stated, gpc, dnt, sp_anonymous, google, tc_string=tcf)
        decision = decide(signals, Policy(unknown, of_gpc, of_dnt))
        statements = [stated] if stated else []
        statements += ["full" if granted else "denied" for granted in google.values()]
        statements += [of_tcf[tcf]] if tcf else []  # type: ignore[list-item]
        bounds = [level for is_set, level in ((gpc, of_gpc), (dnt, of_dnt), (sp_anonymous, "anonymous")) if is_set]
        bounds = [level for level in bounds if level != "ignore"]
        expected = min([*(statements or [unknown]), *bounds], key=STRICTNESS.index)
        assert decision.consent == expected, (signals, unknown, of_gpc, of_dnt)
        assert decision.advertising is (not bounds)
        assert decision.reasons


def test_a_sites_document_is_a_policy() -> None:
    decision = decide(
        read_signals({"sec-gpc": "1", "dnt": "1"}), Privacy.model_validate({"gpc": "denied", "dnt": "ignore"})
    )
    assert (decision.consent, decision.reasons, decision.advertising) == ("denied", ("gpc",), False)


@pytest.mark.parametrize(
    ("headers", "reasons"),
    [
        ({"sec-gpc": "1"}, ("gpc",)),
        ({"dnt": "1"}, ("dnt",)),
        ({"sp-anonymous": "*"}, ("sp_anonymous",)),
        ({"sec-gpc": "0", "dnt": "0"}, ("unknown",)),
        ({"sec-gpc": "true"}, ("unknown",)),
    ],
)
def test_headers_are_read(headers: dict[str, str], reasons: tuple[str, ...]) -> None:
    assert decide(read_signals(headers), Policy()).reasons == reasons


def test_who_may_be_measured_may_yet_refuse_advertising() -> None:
    decision = decide(read_signals({}, None, {"gcs": "G101"}), Policy())
    assert (decision.consent, decision.advertising) == ("full", False)


values = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=40), st.lists(st.none(), max_size=1))
names = st.sampled_from(
    ["gcs", "analytics_storage", "gdpr", "gdpr_consent", "gpp", "us_privacy", "gpc", "dnt", "consent", "x"]
)


@given(st.dictionaries(names, values), st.sampled_from(STATED))
def test_no_signal_raises_and_none_loosens_what_was_stated(signals: dict[str, Any], stated: Consent | None) -> None:
    decision = decide(read_signals({}, stated, signals), Policy())
    assert decision.consent in CONSENTS
    assert stated is None or STRICTNESS.index(decision.consent) <= STRICTNESS.index(stated)
