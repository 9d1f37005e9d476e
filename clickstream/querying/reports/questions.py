"""Several questions about a site in one request, `POST /api/questions`: queries and reports, answered together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from clickstream.errors import ClickstreamError, InvalidRequest
from clickstream.problems import parse_body
from clickstream.querying.engine import QueryEngine
from clickstream.querying.formats import Answer, Format
from clickstream.querying.reports.answering import Reports
from clickstream.querying.reports.request import ReportRequest, parse_report
from clickstream.querying.request import INVALID, QueryRequest, parse_query
from clickstream.querying.scope import SiteScope

MAX_QUESTIONS = 32
MAX_BODY_BYTES = 262_144


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    query: dict[str, Any] | None = Field(None, description="The body of `POST /api/query`.")
    report: str | None = Field(None, description="The name of a report.")
    parameters: dict[str, str] = Field({}, description="The query string of `GET /api/reports/{name}`.")

    @model_validator(mode="after")
    def _one_kind(self) -> _Question:
        if (self.query is None) is (self.report is None):
            raise ValueError("needs either `query` or `report`")
        if self.query is not None and self.parameters:
            raise ValueError("`parameters` go with `report`")
        return self


class _Questions(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    site_id: str = Field(description="The site of all questions, which need not name it.")
    questions: Annotated[tuple[_Question, ...], Field(min_length=1, max_length=MAX_QUESTIONS)]


@dataclass(frozen=True, slots=True)
class Questions:
    """Parsed questions about one site. One that cannot be parsed is the error that it is answered with."""

    site_id: str
    questions: Sequence[QueryRequest | ReportRequest | ClickstreamError]


def questions_schema() -> Mapping[str, Any]:
    """The JSON Schema of the body of `POST /api/questions`."""
    return _Questions.model_json_schema()


def parse_questions(body: bytes) -> Questions:
    """Parse the body of `POST /api/questions`. Raise InvalidRequest if it is no list of questions, RequestTooLarge."""
    parsed = parse_body(body, _Questions, MAX_BODY_BYTES, INVALID)
    return Questions(parsed.site_id, [_parsed(question, parsed.site_id) for question in parsed.questions])


def answer_questions(
    engine: QueryEngine, now: Callable[[], datetime], questions: Questions, site: SiteScope
) -> Sequence[Future[Answer]]:
    """The finished future of each question: its answer in JSON, or the error that it would be answered with alone.

    All are about the same version of the site's rows. Raise Unavailable.
    """
    able = [question for question in questions.questions if not isinstance(question, ClickstreamError)]
    answered = iter(engine.together([partial(_answer, now=now, question=question, site=site) for question in able]))
    return [
        _refused(question) if isinstance(question, ClickstreamError) else next(answered)
        for question in questions.questions
    ]


def _refused(error: ClickstreamError) -> Future[Answer]:
    future: Future[Answer] = Future()
    future.set_exception(error)
    return future


def _parsed(question: _Question, site_id: str) -> QueryRequest | ReportRequest | ClickstreamError:
    try:
        given: Mapping[str, Any] = question.parameters if question.query is None else question.query
        if given.get("site_id", site_id) != site_id:
            raise InvalidRequest("/site_id: must be that of all questions", code=INVALID, pointer="/site_id")
        given = {**given, "site_id": site_id}
        if question.report is None:
            return parse_query(json.dumps(given).encode())
        if given.get("format", Format.JSON) != Format.JSON:
            raise InvalidRequest("/format: must be json among several questions", code=INVALID, pointer="/format")
        return parse_report(question.report, given)
    except ClickstreamError as error:
        return error


def _answer(
    engine: QueryEngine, *, now: Callable[[], datetime], question: QueryRequest | ReportRequest, site: SiteScope
) -> Answer:
    if isinstance(question, QueryRequest):
        return engine.query_answer(question, site)
    return Reports(engine, now).answer(question, site, Format.JSON)
