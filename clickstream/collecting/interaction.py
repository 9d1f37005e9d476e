"""Interactivity: whether an event is an act of its visitor, or happened by itself.

Each dialect knows which events of its protocol happen by themselves. These rules apply to all dialects.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from clickstream.collecting.field_readers import flag

# Types that identify somebody, or measure how long a page was read.
NEVER = frozenset({"page_ping", "identify", "group", "alias"})
# Names of custom events (letters and digits alone) that the tracking script, sites and their consent platforms send
# without an act of the visitor: a missing page (`404` in Plausible's guide), an answer to a consent banner, the
# browser's measurements (the names of the library web-vitals), errors of scripts.
BY_THEMSELVES = frozenset(
    {
        *("404", "404error", "notfound", "pagenotfound", "error404"),
        *("consent", "consentupdate", "consentupdated", "consentgiven", "consentgranted", "consentdenied"),
        *("consentwithdrawn", "consentchanged", "consentpreferencesupdated", "cookieconsent", "cookieconsentupdate"),
        *("cmploaded", "cmpvisible", "bannershown", "consentbannershown", "cookiebannershown"),
        *("webvital", "webvitals", "cls", "fcp", "fid", "inp", "lcp", "ttfb"),
        *("error", "jserror", "javascripterror", "exception", "unhandledexception", "applicationerror"),
        *("featureflagcalled", "experimentviewed", "deadclick", "pageleave"),
    }
)
# Properties that mark an event as no interaction, in any protocol: `nonInteraction` of Segment's and
# RudderStack's destinations, `non_interaction` of gtag.js, `ni` of Google's protocol, `interactive` of Plausible's.
DENIED = frozenset({"nonInteraction", "non_interaction", "nonInteractive", "non_interactive", "noninteraction", "ni"})
AFFIRMED = "interactive"
NAMES = DENIED | {AFFIRMED}


def is_interactive(kind: str, name: str, properties: Mapping[str, Any], declared: bool | None) -> bool:
    """Whether the event is an act of the visitor. `declared` is the client's own flag, None if it sent none.

    False if the client denies it, or if the type or name is one of those that happen by themselves, even if the client
    affirms it.
    """
    if declared is False or kind in NEVER or (kind == "custom" and _happens_by_itself(name)):
        return False
    return NAMES.isdisjoint(properties) or not _denied(properties)


def _denied(properties: Mapping[str, Any]) -> bool:
    return flag(properties.get(AFFIRMED)) is False or any(flag(properties.get(name)) for name in DENIED)


@lru_cache(maxsize=1024)  # a site has few names
def _happens_by_itself(name: str) -> bool:
    return "".join(filter(str.isalnum, name)).lower() in BY_THEMSELVES
