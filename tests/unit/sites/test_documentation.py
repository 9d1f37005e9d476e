"""docs/sites.md and docs/site.schema.json say what the code does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from jsonschema_rs import Draft202012Validator
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from clickstream.sites.audience_messages import AudienceMessages
from clickstream.sites.audience_standing import ProfileField, Score, Trait
from clickstream.sites.audiences import Audience, Events, Times
from clickstream.sites.document import Key, Site, parse_site
from clickstream.sites.event_definitions import EventDefinition, EventDefinitions
from clickstream.sites.funnels import Funnel, FunnelExclusion, FunnelStep
from clickstream.sites.goals import Goal
from clickstream.sites.identity import Identity, IdentityLimits, Profiles
from clickstream.sites.privacy import Privacy
from clickstream.sites.publishing import site_schema, site_schema_text
from clickstream.sites.visit_rules import Annotation, Segment, Visits

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "sites.md").read_text()
KEYS = b"site: shop\nkeys: [{kind: public, key: shop}]\n"


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "see below"
    if isinstance(value, bool):
        return f"`{value}`".lower()
    if isinstance(value, tuple) and value:
        return f"`{list(value)}`"
    return f"`{value}`" if value else "none"


def rows(model: type[BaseModel]) -> str:
    return "\n".join(
        f"| `{field.alias or name}` | {default(field)} | {field.description} |"
        for name, field in model.model_fields.items()
    )


@pytest.mark.parametrize(
    "model",
    [
        *(Site, Key, Privacy, EventDefinitions, EventDefinition, Goal, Funnel, FunnelStep, FunnelExclusion),
        *(Audience, AudienceMessages, Times, Events, Segment, Annotation, Visits, Identity, IdentityLimits, Profiles),
        *(Trait, ProfileField, Score),
    ],
)
def test_every_field_is_documented_with_its_default_and_meaning_and_no_other(model: type[BaseModel]) -> None:
    assert f"|---|---|---|\n{rows(model)}\n\n" in TEXT


def examples() -> list[bytes]:
    return [block.encode() for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)]


@pytest.mark.parametrize("example", examples())
def test_every_example_is_a_valid_document_or_part_of_one(example: bytes) -> None:
    text = example if b"\nsite:" in example else KEYS + example
    assert parse_site(text, expected="shop")
    Draft202012Validator(site_schema()).validate(yaml.safe_load(text))


def test_the_published_schema_is_the_one_of_the_code() -> None:
    assert (ROOT / "docs" / "site.schema.json").read_text() == site_schema_text()


def test_every_field_in_the_schema_has_a_description() -> None:
    schema = orjson.loads(site_schema_text())
    for part in (schema, *schema["$defs"].values()):
        assert part["description"]
        assert [name for name, field in part.get("properties", {}).items() if not field.get("description")] == []


@pytest.mark.parametrize(
    "change",
    [
        {"site": "Shop"},
        {"keys": [{"kind": "king", "key": "abcd"}]},
        {"privacy": {"gpc": "maybe"}},
        {"events": {"mode": "loud"}},
        {"events": {"definitions": [{}]}},
        {"events": {"definitions": [{"name": "a", "properties": {"b": {"type": "strnig"}}}]}},
        {"goals": [{"event": "purchase"}]},
        {"goals": [{"name": "a", "page": "/", "filters": [7]}]},
        {"funnels": [{"name": "a", "steps": [{"event": "a"}]}]},
        {"funnels": [{"name": "a", "steps": [{"event": "a"}, {"event": "b"}], "window": "1 day"}]},
        {"funnels": [{"name": "a", "steps": [{"event": "a"}, {"event": "b"}], "within": "month"}]},
        {"segments": [{"name": "a", "filters": []}]},
        {"segments": [{"filters": [["is", "event:page", ["/"]]]}]},
        {"annotations": [{"at": "14.10.2026", "text": "a"}]},
        {"visits": {"split_at_midnight": "no"}},
        {"identity": {"trust": "nobody"}},
        {"identity": {"limits": {"people": 0}}},
        {"rate_limit_per_second": 0},
        {"retention_days": 0},
        {"colour": "red"},
    ],
)
def test_an_editor_finds_with_the_schema_what_plan_would_find(change: dict[str, Any]) -> None:
    document = {**yaml.safe_load(KEYS), **change}
    assert not Draft202012Validator(site_schema()).is_valid(document)


def test_the_local_stacks_site_is_valid_and_points_editors_to_the_schema() -> None:
    path = ROOT / "local" / "sites" / "demo.yaml"
    text = path.read_bytes()
    Draft202012Validator(site_schema()).validate(yaml.safe_load(text))
    keys = {(key.kind.value, key.key) for key in parse_site(text, expected="demo").keys}
    assert keys >= {("public", "demo"), ("server", "demo-server"), ("import", "demo-import"), ("read", "demo-read")}
    hint = re.match(rb"# yaml-language-server: \$schema=(\S+)\n", text)
    assert hint is not None
    assert (path.parent / hint[1].decode()).resolve() == ROOT / "docs" / "site.schema.json"
