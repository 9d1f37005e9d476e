"""The OpenAPI 3.1 description of every route, made from the app itself: `python -m functions.openapi > openapi.json`.

Deployed is the file beside this module, which `site.py` serves; a test holds it to what is made here.
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

import function_app
from clickstream.collecting.client_event import ClientEvent
from clickstream.collecting.dialect import Endpoint
from clickstream.collecting.dialects import DIALECTS
from clickstream.errors import (
    ClickstreamError,
    Forbidden,
    InvalidRequest,
    InvalidSite,
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
from clickstream.querying.formats import Format
from functions._http import STATUS
from functions.openapi_answers import (
    PROBLEM,
    READY,
    RECEIPT,
    REPLAYED,
    REPORT,
    REPORTS_KNOWN,
    SITES,
    VERDICTS,
    Schema,
)

FILE = Path(__file__).parent / "openapi.json"
READING = (InvalidRequest, Unauthorized, Forbidden, RequestTooLarge, LimitExceeded, Unavailable)
JOBS = (InvalidRequest, Unauthorized, Forbidden, RequestTooLarge, Unavailable)
COLLECTING = (
    InvalidRequest,
    Unauthorized,
    Forbidden,
    NotFound,
    RequestTooLarge,
    UnsupportedEncoding,
    TooManyRequests,
    Unavailable,
)
BROKEN_SETTINGS = (SettingsError, InvalidSite, Unavailable)


@dataclass(frozen=True, slots=True)
class Operation:
    """What is said of one function."""

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
    """What the path's parameter may be; anything where none are told."""
    forms: bool = False
    """Whether the answer is given in any form that is accepted."""


def reading(summary: str, body: Callable[[], Schema]) -> Operation:
    """A route that answers questions."""
    return Operation("reading", summary, READING, body(), {"type": "object"}, security=("read_key",))


def _report() -> Operation:
    from clickstream.querying.reports.registry import REPORTS
    from clickstream.querying.reports.request import parameters_of

    return Operation(
        "reading",
        "A canned report.",
        (InvalidRequest, Unauthorized, Forbidden, NotFound, NotAcceptable, LimitExceeded, Unavailable),
        answer=REPORT,
        parameters=tuple(dict.fromkeys(name for report in REPORTS.values() for name in parameters_of(report))),
        security=("read_key",),
        required=("site_id",),
        names=tuple(REPORTS),
        forms=True,
    )


def _query_body() -> Schema:
    from clickstream.querying.request import query_schema

    return query_schema()


def _sql_body() -> Schema:
    from clickstream.querying.request import SqlRequest

    return SqlRequest.model_json_schema()


def _replay_body() -> Schema:
    from clickstream.replaying.request import ReplayRequest

    return ReplayRequest.model_json_schema()


def _erasure_body() -> Schema:
    from clickstream.erasing.request import ErasureRequest

    return ErasureRequest.model_json_schema()


def _export_body() -> Schema:
    from clickstream.erasing.request import ExportRequest

    return ExportRequest.model_json_schema()


def _event_body() -> Schema:
    event = {**ClientEvent.model_json_schema(), "additionalProperties": True}
    return {"anyOf": [event, {"type": "array", "items": event, "minItems": 1}]}


def operations() -> Mapping[str, Operation]:
    """By the name of the function."""
    found = {
        "health": Operation("health", "Whether the process answers."),
        "health_ready": Operation("health", "Whether it can work.", BROKEN_SETTINGS, answer=READY),
        "robots": Operation("health", "Asks crawlers to stay away.", media_types=("text/plain",)),
        "openapi": Operation("health", "This description."),
        "demo": Operation("tracker", "A shop to try the script in.", media_types=("text/html",)),
        "demo_page": Operation("tracker", "A page of that shop.", (NotFound,), media_types=("text/html",)),
        "script": Operation("tracker", "The tracking script.", media_types=("text/javascript",)),
        "dashboard": Operation("dashboard", "The dashboard.", media_types=("text/html",)),
        "dashboard_asset": Operation(
            "dashboard", "Its script and its style sheet.", (NotFound,), media_types=("text/javascript", "text/css")
        ),
        "share": Operation("dashboard", "The dashboard, for a link that carries its key.", media_types=("text/html",)),
        "sites": Operation(
            "reading",
            "The sites that a read key opens, and what is defined in each to ask by.",
            (Unauthorized, Unavailable, SettingsError),
            answer=SITES,
            security=("read_key",),
        ),
        "replay": Operation(
            "jobs",
            "Failed events of a site, judged again by the rules now in force.",
            JOBS,
            _replay_body(),
            REPLAYED,
            security=("admin_key",),
        ),
        "erase": Operation(
            "jobs",
            "A person's events removed from every copy, or kept of nobody; the receipt.",
            JOBS,
            _erasure_body(),
            RECEIPT,
            security=("admin_key",),
        ),
        "export_person": Operation(
            "jobs",
            "Everything that is stored about a person, one line of JSON for each row (application/x-ndjson).",
            (*JOBS, LimitExceeded),
            _export_body(),
            security=("admin_key",),
        ),
        "query": reading("Metrics for each group of dimensions' values.", _query_body),
        "query_sql": replace(
            reading("One SELECT statement over the site's own rows.", _sql_body),
            errors=(*READING, NotAcceptable),
            parameters=("format",),
            forms=True,
        ),
        "reports": Operation(
            "reading", "Which reports there are, and what they take and answer.", answer=REPORTS_KNOWN
        ),
        "report": _report(),
    }
    for dialect in DIALECTS.values():
        for endpoint in dialect.endpoints:
            found[endpoint.function] = _collecting(dialect.name, endpoint)
        for page in dialect.pages:
            found[page.function] = Operation(dialect.name, "What its clients fetch first.", (InvalidRequest, NotFound))
    return found


def _collecting(dialect: str, endpoint: Endpoint) -> Operation:
    plain = endpoint.function == "collect"
    return Operation(
        dialect,
        "Takes events." if plain else f"Takes events of the {dialect} protocol.",
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
            "description": "Takes events of many trackers, answers questions about them.",
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


@lru_cache(maxsize=1)  # an app gives its functions away once
def routes() -> Sequence[tuple[str, str, Sequence[str]]]:
    """Name, path and lower-case methods of every HTTP function of the app."""
    found = []
    for function in function_app.app.get_functions():
        trigger = function.get_trigger()
        if trigger is not None and trigger.type == "httpTrigger":
            settings = trigger.get_dict_repr()
            methods = [str(getattr(method, "value", method)).lower() for method in settings["methods"]]
            path = "/" + re.sub(r"\{\**(\w+)[^}]*\}", r"{\1}", settings["route"])
            found.append((str(function.get_function_name()), path, methods))
    return found


def _lifted(schema: Schema, shared: dict[str, Any]) -> Schema:
    """The schema with its definitions moved to where OpenAPI keeps them."""
    text = json.dumps(schema).replace("#/$defs/", "#/components/schemas/")
    lifted: dict[str, Any] = json.loads(text)
    shared.update(lifted.pop("$defs", {}))
    return lifted


def _operation(name: str, route: str, method: str, described: Operation, shared: dict[str, Any]) -> Schema:
    parameters: list[Schema] = [
        {"name": found, "in": "path", "required": True, "schema": _text(described.names)}
        for found in re.findall(r"\{(\w+)\}", route)
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
    for error in described.errors:
        status = HTTPStatus(described.statuses.get(error, STATUS[error]))
        problem = {"schema": {"$ref": "#/components/schemas/Problem"}}
        described_as = (error.__doc__ or "").split(". ")[0].split("\n")[0].rstrip(".")
        entry = responses.setdefault(str(status.value), {"description": ""})
        entry["description"] = ". Or: ".join(filter(None, [entry["description"], described_as]))
        if method != "head":
            entry["content"] = {"application/problem+json": problem, "application/json": problem}
        if status in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            retry = {"description": "Seconds.", "schema": {"type": "string"}}
            entry["headers"] = {"Retry-After": retry}
    return responses


def main() -> None:
    """Write the document to standard output."""
    json.dump(document(), sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
