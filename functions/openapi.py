"""Generates the OpenAPI 3.1 description of every route from the app, and the list of reports.

`python -m functions.openapi > functions/openapi.json`, `python -m functions.openapi reports > functions/reports.json`:
these files are deployed, and `site.py` and `reports.py` serve them. Tests compare them with the generated text.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any

from azure.functions.decorators.function_app import Function

import function_app
from clickstream.audiences.request import AudienceRequest
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Endpoint
from clickstream.collecting.dialects import DIALECTS
from clickstream.deriving.edit_request import EditRequest
from clickstream.erasing.request import ErasureRequest, ExportRequest
from clickstream.errors import (
    ClickstreamError,
    Conflict,
    Forbidden,
    InvalidRequest,
    InvalidSite,
    LengthRequired,
    LimitExceeded,
    NotAcceptable,
    NotFound,
    RequestTooLarge,
    SettingsError,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedEncoding,
)
from clickstream.jobs.request import JobRequest
from clickstream.querying.formats import Format
from clickstream.querying.reports.answering import described_reports
from clickstream.querying.reports.questions import questions_schema
from clickstream.querying.reports.registry import REPORTS
from clickstream.querying.reports.request import parameters_of
from clickstream.querying.request import SqlRequest, query_schema
from clickstream.replaying.request import ReplayRequest
from clickstream.sites.additions import Addition
from functions._http import STATUS
from functions.openapi_answers import (
    ADDED,
    ANSWERS,
    AUDIENCE_ASKED,
    EDITED,
    EDITS,
    IDENTITY_PROBLEMS,
    JOB_KNOWN,
    JOBS_KNOWN,
    LIVE,
    PROBLEM,
    REACH,
    READY,
    RECEIPT,
    REPLAYED,
    REPORT,
    REPORTS_KNOWN,
    RUN_ASKED,
    RUNS_KNOWN,
    SITES,
    VERDICTS,
    Schema,
)

FILE = Path(__file__).parent / "openapi.json"
READING = (InvalidRequest, Unauthorized, Forbidden, RequestTooLarge, LimitExceeded, TooManyRequests, Unavailable)
JOBS = (InvalidRequest, Unauthorized, Forbidden, RequestTooLarge, TooManyRequests, Unavailable)
SHOWING_JOBS = (Unauthorized, Forbidden, TooManyRequests, Unavailable)
COLLECTING = (
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    LengthRequired,
    RequestTooLarge,
    UnsupportedEncoding,
    TooManyRequests,
    Unavailable,
)
BROKEN_SETTINGS = (SettingsError, InvalidSite, Unavailable)


@dataclass(frozen=True, slots=True)
class Operation:
    """The description of one function."""

    tag: str
    summary: str
    errors: Sequence[type[ClickstreamError]] = ()
    body: Schema | None = None
    answer: Schema | None = None
    media_types: Sequence[str] = ("application/json",)
    parameters: Sequence[str] = ()
    security: Sequence[str] = ()
    statuses: Mapping[type[ClickstreamError], int] = field(default_factory=dict)
    required: Sequence[str] = ()
    names: Sequence[str] = ()
    """Allowed values of the path's parameter; empty if any text is allowed."""
    forms: bool = False
    """Whether the `Accept` header chooses the format of the answer."""
    conditional: bool = False
    """Whether a request with a matching `If-None-Match` gets 304."""


def reading(summary: str, body: Schema) -> Operation:
    """The operation of a route that reads rows."""
    return Operation("reading", summary, READING, body, {"type": "object"}, security=("read_key",))


def changing_a_job(summary: str, answer: Schema) -> Operation:
    """The operation of a route that changes one job."""
    errors = (*JOBS, NotFound, Conflict)
    return Operation("jobs", summary, errors, JobRequest.model_json_schema(), answer, security=("admin_key",))


def asking_of_an_audience(summary: str) -> Operation:
    """The operation of a route that asks something of the next evaluation of an audience."""
    schema = AudienceRequest.model_json_schema()
    return Operation("jobs", summary, (*JOBS, NotFound), schema, AUDIENCE_ASKED, security=("admin_key",))


def _report() -> Operation:
    return Operation(
        "reading",
        "A canned report.",
        (InvalidRequest, Unauthorized, Forbidden, NotFound, NotAcceptable, LimitExceeded, TooManyRequests, Unavailable),
        answer=REPORT,
        parameters=tuple(dict.fromkeys(name for report in REPORTS.values() for name in parameters_of(report))),
        security=("read_key",),
        required=("site_id",),
        names=tuple(REPORTS),
        forms=True,
        conditional=True,
    )


def _event_body() -> Schema:
    event = {**ClientEvent.model_json_schema(), "additionalProperties": True}
    return {"anyOf": [event, {"type": "array", "items": event, "minItems": 1}]}


def operations() -> Mapping[str, Operation]:
    """All operations, by the name of the function."""
    by_function = {
        "health": Operation("health", "Liveness of the process.", answer=LIVE),
        "health_ready": Operation(
            "health",
            "Readiness: sinks, compaction and settings. With an admin key also the problems of the key's sites.",
            (*BROKEN_SETTINGS, Unauthorized, TooManyRequests),
            answer=READY,
        ),
        "robots": Operation("health", "Excludes crawlers from all pages.", media_types=("text/plain",)),
        "start": Operation(
            "health", "The start page: what the app serves.", (SettingsError,), media_types=("text/html",)
        ),
        "openapi": Operation("health", "This description."),
        "demo": Operation(
            "tracker",
            "A demo shop with the tracking script, if the setting DEMO is on.",
            (NotFound, SettingsError),
            media_types=("text/html",),
        ),
        "demo_page": Operation(
            "tracker", "A page of the demo shop.", (NotFound, SettingsError), media_types=("text/html",)
        ),
        "script": Operation("tracker", "The tracking script.", media_types=("text/javascript",), conditional=True),
        "debug_script": Operation(
            "tracker",
            "The tracking script with messages in the browser's console.",
            media_types=("text/javascript",),
            conditional=True,
        ),
        "vitals_script": Operation(
            "tracker",
            "The optional module of the tracking script that measures web vitals.",
            media_types=("text/javascript",),
            conditional=True,
        ),
        "dashboard": Operation("dashboard", "The dashboard.", media_types=("text/html",)),
        "dashboard_asset": Operation(
            "dashboard",
            "The script or the style sheet of the dashboard.",
            (NotFound,),
            media_types=("text/javascript", "text/css"),
            conditional=True,
        ),
        "share": Operation(
            "dashboard", "The dashboard for share links, whose fragment is a share key.", media_types=("text/html",)
        ),
        "sites": Operation(
            "reading",
            "The sites that a key opens, each with its goals, funnels and segments.",
            (Unauthorized, TooManyRequests, Unavailable, SettingsError),
            answer=SITES,
            security=("read_key",),
        ),
        "replay": Operation(
            "jobs",
            "Replay failed events of a site by the rules now in force.",
            JOBS,
            ReplayRequest.model_json_schema(),
            REPLAYED,
            security=("admin_key",),
        ),
        "erase": Operation(
            "jobs",
            "Erase or anonymise a person in every copy; the receipt. A dry run returns the ids that it would reach.",
            (*JOBS, LimitExceeded),
            ErasureRequest.model_json_schema(),
            {"anyOf": [RECEIPT, REACH]},
            security=("admin_key",),
        ),
        "export_person": Operation(
            "jobs",
            "Export everything that is stored about a person, one line of JSON for each row (application/x-ndjson). A "
            "dry run returns one line with the ids it would reach.",
            (*JOBS, LimitExceeded),
            ExportRequest.model_json_schema(),
            security=("admin_key",),
        ),
        "jobs": Operation(
            "jobs",
            "The exports and imports of a site, with status, last run and next runs. For a read or an admin key.",
            SHOWING_JOBS,
            answer=JOBS_KNOWN,
            parameters=("site_id",),
            security=("read_key", "admin_key"),
            required=("site_id",),
        ),
        "job_runs": Operation(
            "jobs",
            "The latest runs of a job that have ended, newest first.",
            (*SHOWING_JOBS, InvalidRequest, NotFound),
            answer=RUNS_KNOWN,
            parameters=("site_id", "limit"),
            security=("read_key", "admin_key"),
            required=("site_id",),
        ),
        "run_job": changing_a_job("Make a run of a job due now; it begins within a minute.", RUN_ASKED),
        "stop_job": changing_a_job("Stop a job: a step under way ends at its next write.", JOB_KNOWN),
        "resume_job": changing_a_job("Go on with a job that is stopped or failed.", JOB_KNOWN),
        "reset_job": changing_a_job("Let a job begin anew, as if it had never run.", JOB_KNOWN),
        "edit_identities": Operation(
            "jobs",
            "Record which ids are one person, or with a dry run say what that would change.",
            JOBS,
            EditRequest.model_json_schema(),
            EDITED,
            security=("admin_key",),
        ),
        "identity_edits": Operation(
            "jobs",
            "The log of a site's edits of identities, with author, time and reason.",
            (InvalidRequest, Unauthorized, Forbidden, TooManyRequests, Unavailable),
            answer=EDITS,
            parameters=("site_id",),
            security=("admin_key",),
            required=("site_id",),
        ),
        "identity_problems": Operation(
            "jobs",
            "What the rules of identity ignore of a site's events, and why.",
            (InvalidRequest, Unauthorized, Forbidden, TooManyRequests, Unavailable),
            answer=IDENTITY_PROBLEMS,
            parameters=("site_id",),
            security=("admin_key",),
            required=("site_id",),
        ),
        "release_audience": asking_of_an_audience(
            "Let the next evaluation make the changes of an audience that wait because they are too many."
        ),
        "backfill_audience": asking_of_an_audience("Let the next evaluation report every member of an audience again."),
        "add_definition": Operation(
            "jobs",
            "Add a goal, funnel, segment or annotation to the site's document; with a dry run, say what would change.",
            (*JOBS, Conflict),
            Addition.model_json_schema(),
            ADDED,
            security=("admin_key",),
        ),
        "query": reading("Query metrics by dimensions.", query_schema()),
        "questions": replace(
            reading("Answer several queries and reports about one site together.", questions_schema()), answer=ANSWERS
        ),
        "query_sql": replace(
            reading("Run one SELECT statement over the site's rows, in a sandbox.", SqlRequest.model_json_schema()),
            errors=(*READING, NotAcceptable),
            parameters=("format",),
            forms=True,
        ),
        "reports": Operation(
            "reading", "List the reports, each with its parameters and columns.", answer=REPORTS_KNOWN
        ),
        "report": _report(),
    }
    for dialect in DIALECTS.values():
        for endpoint in dialect.endpoints:
            by_function[endpoint.function] = _collecting(dialect.name, endpoint)
        for page in dialect.pages:
            by_function[page.function] = Operation(
                dialect.name,
                f"Configuration that {dialect.name} clients fetch before they send.",
                (InvalidRequest, NotFound),
            )
    return by_function


def _collecting(dialect: str, endpoint: Endpoint) -> Operation:
    plain = endpoint.function == "collect"
    return Operation(
        dialect,
        "Collect events." if plain else f"Collect events by the {dialect} protocol.",
        COLLECTING,
        body=_event_body() if plain else None,
        answer=VERDICTS if plain else None,
        media_types=("application/json", "application/x-ndjson", "text/plain") if plain else ("*/*",),
        parameters=("write_key", "verdict"),
        security=("write_key",),
        statuses=endpoint.statuses,
    )


def document() -> Schema:
    """The whole description."""
    described = operations()
    shared: dict[str, Any] = {}
    paths: dict[str, dict[str, Any]] = {}
    for name, route, methods in routes():
        for method in methods:
            if method != "options":
                paths.setdefault(route, {})[method] = _operation(
                    f"{name}_{method}", route, method, described[name], shared
                )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Clickstream collector",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "Collects events of many trackers, and answers queries and reports about them.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Problem": PROBLEM, **shared},
            "securitySchemes": {
                "read_key": {"type": "http", "scheme": "bearer", "description": "A site's read key."},
                "admin_key": {"type": "http", "scheme": "bearer", "description": "A site's admin key."},
                "write_key": {"type": "apiKey", "in": "header", "name": "X-Write-Key", "description": "A write key."},
            },
        },
    }


@lru_cache(maxsize=1)  # cached, because an app returns its functions only once
def _functions() -> Sequence[Function]:
    return [function for function in function_app.app.get_functions() if _type(function) == "httpTrigger"]


def _type(function: Function) -> str | None:
    trigger = function.get_trigger()
    return None if trigger is None else str(trigger.type)


def handlers() -> Mapping[str, Callable[..., Any]]:
    """Every HTTP function of the app, by its name."""
    return {str(function.get_function_name()): function.get_user_function() for function in _functions()}


def routes() -> Sequence[tuple[str, str, Sequence[str]]]:
    """Name, path and lower-case methods of every HTTP function of the app."""
    triples = []
    for function in _functions():
        trigger = function.get_trigger()
        assert trigger is not None
        settings = trigger.get_dict_repr()
        methods = [str(getattr(method, "value", method)).lower() for method in settings["methods"]]
        template = settings["route"].replace("{empty:maxlength(0)?}", "")
        path = "/" + re.sub(r"\{\**(\w+)[^{}]*\}", r"{\1}", template)
        triples.append((str(function.get_function_name()), path, methods))
    return triples


def _lifted(schema: Schema, shared: dict[str, Any]) -> Schema:
    """The schema with its definitions moved to the components of the OpenAPI document."""
    text = json.dumps(schema).replace("#/$defs/", "#/components/schemas/")
    lifted: dict[str, Any] = json.loads(text)
    shared.update(lifted.pop("$defs", {}))
    return lifted


def _operation(name: str, route: str, method: str, described: Operation, shared: dict[str, Any]) -> Schema:
    parameters: list[Schema] = [
        {"name": parameter, "in": "path", "required": True, "schema": _text(described.names)}
        for parameter in re.findall(r"\{(\w+)\}", route)
    ]
    parameters += [
        {"name": query, "in": "query", "required": query in described.required, "schema": {"type": "string"}}
        for query in described.parameters
    ]
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [described.tag],
        "summary": described.summary,
        "parameters": parameters,
        "responses": _responses(described, method),
    }
    if described.security:
        operation["security"] = [{scheme: []} for scheme in described.security]
    if method == "post":
        body = _lifted(described.body or {}, shared)
        first, *others = described.media_types
        content = {first: {"schema": body}, **{other: {"schema": {"type": "string"}} for other in others}}
        operation["requestBody"] = {"required": described.body is not None, "content": content}
    return operation


def _text(names: Sequence[str]) -> Schema:
    return {"type": "string", "enum": list(names)} if names else {"type": "string"}


def _responses(described: Operation, method: str) -> Schema:
    answers = "*/*" if described.answer is None else "application/json"
    content = {answers: {"schema": described.answer or {}}}
    if described.forms:
        content |= {form.media_type: {"schema": {}} for form in Format if form is not Format.JSON}
    responses: dict[str, Any] = {"200": {"description": "OK"} | ({} if method == "head" else {"content": content})}
    if described.conditional:
        responses["304"] = {"description": "The cached answer is current (`If-None-Match`)."}
    for error in described.errors:
        status = HTTPStatus(described.statuses.get(error, STATUS[error]))
        problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
        described_as = (error.__doc__ or "").split(". ")[0].split("\n")[0].rstrip(".")
        entry = responses.setdefault(str(status.value), {"description": ""})
        entry["description"] = ". Or: ".join(filter(None, [entry["description"], described_as]))
        if method != "head":
            entry["content"] = {"application/problem+json": problem, "application/json": problem}
        if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            retry = {"description": "Seconds to wait before a retry.", "schema": {"type": "string"}}
            entry["headers"] = {"Retry-After": retry}
    return responses


def reports() -> Mapping[str, Any]:
    """What `GET /api/reports` answers."""
    return {"reports": described_reports()}


def main() -> None:
    """Write the description, or with the argument `reports` the list of reports, to standard output."""
    if sys.argv[1:] == ["reports"]:
        json.dump(reports(), sys.stdout, indent=1)
    else:
        json.dump(document(), sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
