"""The pipeline's steps fail for the reasons that they name, and for no other."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clickstream.collecting.client_context import ClientContext, ContextReader
from clickstream.collecting.dialects import DIALECTS
from clickstream.collecting.pipeline import PIPELINE, Envelope, Rules, Step
from clickstream.errors import InvalidRequest
from clickstream.privacy.pseudonyms import PseudonymKeys
from clickstream.sites.directory import Access
from clickstream.sites.document import KeyKind, parse_site
from tests.unit.collecting.dialect_checks import ANY_JSON, NOW

PAGE = (Path(__file__).parents[3] / "docs" / "failed-events.md").read_text()
RULES = Rules(ContextReader("0123456789abcdef", 0), PseudonymKeys.parse("", "0123456789abcdef"), 800, lambda *_: "s")
SITE = b"""site: shop
keys: [{kind: public, key: shop}]
events: {mode: block, definitions: [{name: buy, properties: {value: {type: number}}}]}
"""
ACCESS = Access(parse_site(SITE, expected="shop"), KeyKind.PUBLIC)
EVENTS: dict[str, Any] = {
    "name": "buy",
    "event": "buy",
    "type": "track",
    "e": "se",
    "se_ac": "buy",
    "distinct_id": "d",
    "userId": "u",
    "properties": {"value": "many"},
}
MEMBERS = st.sampled_from([*EVENTS, "created_at", "consent", "context", "u", "url", "params", "ue_pr", "co", "payload"])


def failure(problem: InvalidRequest | None, original: object, dialect: str) -> tuple[Step, str] | None:
    """The step that fails, and the code of its reason."""
    client = ClientContext()
    envelope = Envelope(
        original, problem, DIALECTS[dialect], ACCESS, client, NOW, lambda: "id", None, RULES, client, False
    )
    for step in PIPELINE:
        try:
            step.run(envelope)
        except InvalidRequest as error:
            return step, error.code
    return None


@given(st.sampled_from(list(DIALECTS)), st.dictionaries(MEMBERS, ANY_JSON, max_size=4))
def test_a_step_fails_for_a_reason_that_it_names(dialect: str, members: dict[str, Any]) -> None:
    failed = failure(None, {**EVENTS, **members}, dialect)
    assert failed is None or failed[1] in failed[0].reasons


@pytest.mark.parametrize(
    ("original", "step", "code"),
    [
        (7, "open_original", "schema_violation"),
        ({}, "validate_fields", "schema_violation"),
        ({"name": "buy", "properties": {"value": "many"}}, "check_definition", "definition_violation"),
        ({"name": "x" * 200, "page_url": "/" + "x" * 700}, "fit_message", "size_violation"),
    ],
)
def test_each_kind_of_failure_has_its_step(original: object, step: str, code: str) -> None:
    failed = failure(None, original, "plain")
    assert failed is not None
    assert (failed[0].run.__name__, failed[1]) == (step, code)


def test_what_the_dialect_could_not_read_fails_first() -> None:
    failed = failure(InvalidRequest("no JSON", code="payload_format"), b"{", "plain")
    assert failed is not None and failed[0] is PIPELINE[0] and failed[1] in failed[0].reasons


def test_the_page_lists_every_reason() -> None:
    table = PAGE.split("| class | what happened |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == {code for step in PIPELINE for code in step.reasons}
