"""The description of the routes is the app's own, whole and served as it is."""

from __future__ import annotations

import json

from clickstream.errors import ClickstreamError
from functions import openapi, reports
from functions._http import STATUS


def test_the_file_that_is_served_is_the_one_made_from_the_code() -> None:
    made = json.loads(json.dumps(openapi.document()))
    assert json.loads(openapi.FILE.read_text()) == made, "python -m functions.openapi > functions/openapi.json"


def test_the_list_of_reports_that_is_served_is_the_one_made_from_the_code() -> None:
    made = json.loads(json.dumps(openapi.reports()))
    assert json.loads(reports.FILE.read_text()) == made, "python -m functions.openapi reports > functions/reports.json"


def test_every_http_function_is_described_and_nothing_else() -> None:
    assert {name for name, _, _ in openapi.routes()} == set(openapi.operations())


def test_every_operation_that_needs_a_key_documents_who_is_refused() -> None:
    for path, operations in openapi.document()["paths"].items():
        for method, operation in operations.items():
            if "security" in operation:
                assert {"401", "503"} <= set(operation["responses"]), (method, path)


def test_an_error_keeps_one_meaning_by_its_status_and_code() -> None:
    codes = [error.code for error in STATUS]
    assert len(codes) == len(set(codes))
    assert all(issubclass(error, ClickstreamError) for error in STATUS)
