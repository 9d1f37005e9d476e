"""Every dialect that is spoken here."""

from __future__ import annotations

from collections.abc import Mapping

from clickstream.collecting import plain
from clickstream.collecting.dialect import Dialect

DIALECTS: Mapping[str, Dialect] = {dialect.name: dialect for dialect in (plain.DIALECT,)}
