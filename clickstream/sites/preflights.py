"""Pages whose preflights the platform refuses.

On Flex Consumption the platform answers every preflight itself, from the origins of ALLOWED_ORIGINS; functions do not
receive it. Requests that need no preflight still arrive, so their Origin header shows whether the page's other requests
are lost.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

from clickstream.settings import Settings, is_listable

# For all sites together. Bounded, because anybody can send any origin to a site that accepts events from everywhere.
MOST_REMEMBERED = 100


class Preflights:
    """Finds origins that are not in the platform's list. `listed` is None if the app answers preflights itself."""

    def __init__(self, listed: frozenset[str] | None) -> None:
        self.listed = listed
        self._seen: dict[tuple[str, str], None] = {}

    @classmethod
    def of(cls, settings: Settings, env: Mapping[str, str]) -> Self:
        """`env` is the process's environment, in which the platform names its plan. No pages call the lake's app."""
        answers = bool(settings.listed_origins) or env.get("WEBSITE_SKU") == "FlexConsumption"
        return cls(settings.listed_origins if answers and settings.role != "lake" else None)

    def unlisted_origin(self, site: str, headers: Mapping[str, str]) -> str | None:
        """The origin of a request of this site if its preflights are refused, else None. Remembers the origin."""
        origin = headers.get("origin")
        if self.listed is None or origin is None or origin in self.listed or not is_listable(origin):
            return None
        if headers.get("sec-fetch-site") == "same-origin" or origin.partition("://")[2] == headers.get("host"):
            return None  # a page of the collector's own
        if len(self._seen) < MOST_REMEMBERED:
            self._seen[site, origin] = None
        return origin

    def unlisted(self, origins: Mapping[str, Sequence[str]]) -> Mapping[str, Sequence[str]]:
        """By site, every refused origin, sorted: those of its document, given in `origins`, and remembered ones."""
        if self.listed is None:
            return {}
        refused = {site: {origin for origin in named if origin not in self.listed} for site, named in origins.items()}
        for site, origin in self._seen:
            if site in refused:
                refused[site].add(origin)
        return {site: sorted(of_site) for site, of_site in refused.items() if of_site}


def advice(origin: str) -> str:
    """A message about an origin that is not listed, and what to do."""
    what = f"each host of {origin}" if "*" in origin else origin
    return (
        f"{origin} is not in ALLOWED_ORIGINS, so the platform refuses the preflights of its pages, and trackers that "
        f"send JSON deliver nothing from there: add {what} to ALLOWED_ORIGINS and to the app's CORS, as `azd env set "
        "ALLOWED_ORIGINS ...` and `azd provision` do"
    )
