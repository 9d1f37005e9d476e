"""Every route keeps what its description promises, asked with data made from that description."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.openapi import FILE
from local.stack import Stack
from tests.e2e.journey import stack_settings
from tests.support.admin_routes import ADMIN_PATHS

pytestmark = pytest.mark.e2e
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
KEYS = {"X-Write-Key": "demo", "Authorization": "Bearer demo-read"}
OF_AN_ADMIN = {"Authorization": "Bearer demo-admin"}


@schemathesis.serializer("application/x-ndjson")
def lines(ctx: object, value: object) -> bytes:
    """One event a line; the schema of lines is any text."""
    return str(value).encode()


EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "15"))
routes = schemathesis.openapi.from_path(FILE)
# Data that fits the description and data that does not, in all phases but the one that follows links: there are none.
routes.config.generation.update(modes=list(GenerationMode))


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of its own, for some of the data that is made up becomes rows that tests of other files would count."""
    with Stack(stack_settings(tmp_path_factory.mktemp("described"))) as running:
        yield running


def test_the_description_is_served_as_it_is(described: Stack) -> None:
    answer = httpx.get(f"{described.base_url}/openapi.json")
    assert answer.content == FILE.read_bytes()


@routes.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_a_route_answers_as_described(case: Case[Any], described: Stack) -> None:
    keys = OF_AN_ADMIN if case.path in ADMIN_PATHS else KEYS
    case.call_and_validate(base_url=described.base_url, headers=keys, checks=CHECKS)


@routes.parametrize()
@settings(max_examples=max(EXAMPLES // 3, 1), deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_a_route_answers_as_described_without_a_key(case: Case[Any], described: Stack) -> None:
    case.call_and_validate(base_url=described.base_url, checks=CHECKS)
