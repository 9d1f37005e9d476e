"""A fault of our own, on any route: a problem document with an id, and a log line with it and nothing of the client."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import azure.functions as func
import pytest

from clickstream.errors import places
from clickstream.services import services
from functions._http import answers_problems
from functions.openapi import handlers

SECRET = "ada@example.org"


class Broken(func.HttpRequest):
    """A request that cannot be looked at: whatever is asked of it raises."""

    def __init__(self) -> None:
        super().__init__("GET", "http://localhost/", body=b"")

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(f"nobody expects {SECRET}")


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, value in {
        "EventHubConnection": "Endpoint=sb://unused.invalid;",
        "Lake": "AccountName=a;AccountKey=eHg=;BlobEndpoint=http://127.0.0.1:9/a",
        "VISITOR_ID_KEY": "0123456789abcdef",
    }.items():
        monkeypatch.setenv(name, value)
    services.cache_clear()
    yield
    services.cache_clear()


@pytest.mark.parametrize(
    ("name", "handler"), handlers().items(), ids=lambda each: each if isinstance(each, str) else ""
)
async def test_no_handler_of_any_route_raises(name: str, handler: Callable[..., Any]) -> None:
    answer = await handler(Broken())
    assert isinstance(answer, func.HttpResponse)
    assert answer.status_code in (200, 404, 500, 503), name
    if answer.status_code != 200:
        assert answer.mimetype == "application/problem+json"


async def test_a_fault_is_told_by_an_id_that_the_log_has_with_its_place_and_nothing_that_was_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @answers_problems({"X-More": "1"})
    async def fails(req: func.HttpRequest) -> func.HttpResponse:
        try:
            raise ValueError(f"no number: {SECRET}")
        except ValueError as error:
            raise RuntimeError(SECRET) from error

    with caplog.at_level(logging.ERROR):
        answer = await fails(func.HttpRequest("GET", "http://localhost/", body=b""))
    told = json.loads(answer.get_body())
    assert (answer.status_code, told["status"], told["code"]) == (500, 500, "internal_error")
    assert answer.headers["X-More"] == "1"
    incident = UUID(told["instance"].removeprefix("urn:uuid:"))
    (record,) = caplog.records
    assert str(incident) in record.getMessage()
    assert "test_faults.py" in record.getMessage() and "ValueError\nled to\n" in record.getMessage()
    assert SECRET not in caplog.text and SECRET not in answer.get_body().decode()


async def test_an_answer_that_cannot_be_written_is_a_fault_like_any_other() -> None:
    @answers_problems()
    async def refuses(req: func.HttpRequest) -> func.HttpResponse:
        from clickstream.errors import InvalidRequest

        raise InvalidRequest("half a character: \ud800")

    answer = await refuses(func.HttpRequest("GET", "http://localhost/", body=b""))
    assert (answer.status_code, json.loads(answer.get_body())["code"]) == (500, "internal_error")


def test_an_exception_that_leads_to_itself_is_told_once() -> None:
    error = RuntimeError()
    error.__context__ = ValueError()
    assert places(error) == "ValueError\nled to\nRuntimeError"
