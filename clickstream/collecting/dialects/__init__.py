"""All dialects, by name."""

from __future__ import annotations

from collections.abc import Mapping

from clickstream.collecting.dialect import Dialect
from clickstream.collecting.dialects import ga4, jitsu, matomo, plain, plausible, posthog, segment, snowplow, umami

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect
    for dialect in (
        plain.DIALECT,
        ga4.DIALECT,
        jitsu.DIALECT,
        matomo.DIALECT,
        plausible.DIALECT,
        posthog.DIALECT,
        segment.DIALECT,
        snowplow.DIALECT,
        umami.DIALECT,
    )
}
