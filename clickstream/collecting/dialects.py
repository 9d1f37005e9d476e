"""Every dialect that is spoken here."""

from __future__ import annotations

from collections.abc import Mapping

from clickstream.collecting import jitsu, plain, segment, snowplow
from clickstream.collecting.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (plain.DIALECT, jitsu.DIALECT, segment.DIALECT, snowplow.DIALECT)
}
