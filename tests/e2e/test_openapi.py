"""Every route keeps what its description promises, asked with data made from that description."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.openapi import FILE
from local.stack import Stack

pytestmark = pytest.mark.e2e
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
KEYS = {"X-Write-Key": "demo", "Authorization": "Bearer demo-read"}


@schemathesis.serializer("application/x-ndjson")
def lines(ctx: object, value: object) -> bytes:
    """One event a line; the schema of lines is any text."""
    return str(value).encode()


routes = schemathesis.openapi.from_path(FILE)


def test_the_description_is_served_as_it_is(client: httpx.Client) -> None:
    answer = client.get("/openapi.json")
    assert answer.content == FILE.read_bytes()


@routes.parametrize()
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_a_route_answers_as_described(case: Case[Any], stack: Stack) -> None:
    case.call_and_validate(base_url=stack.base_url, headers=KEYS, checks=CHECKS)


@routes.parametrize()
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_a_route_answers_as_described_without_a_key(case: Case[Any], stack: Stack) -> None:
    case.call_and_validate(base_url=stack.base_url, checks=CHECKS)
