"""The JSON Schema of a site's document, for editors and for people."""

from __future__ import annotations

import json
from typing import Any

from clickstream.sites.document import Site

PREAMBLE = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "Site",
    "description": "One measured site of the clickstream collector: sites/<site>.yaml in the config container.",
}


def site_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of the document, with a title and a description for every field."""
    schema = Site.model_json_schema()
    return {**PREAMBLE, **{name: value for name, value in schema.items() if name not in PREAMBLE}}


def site_schema_text() -> str:
    """The schema as the text of docs/site.schema.json."""
    return json.dumps(site_schema(), indent=2, ensure_ascii=False) + "\n"
