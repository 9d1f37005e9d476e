"""What docs/erasure.md says of requests, receipts and commands is whole, and what it tells to run is right."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from clickstream.erasing.__main__ import erasure_request, export_request, parse
from clickstream.erasing.request import ErasureRequest, Mode, parse_erasure, parse_export
from functions.openapi_answers import RECEIPT

PAGE = (Path(__file__).parents[3] / "docs" / "erasure.md").read_text()


def test_every_field_of_request_and_receipt_is_described() -> None:
    described = set(re.findall(r"`([a-z_.]+)`", "".join(re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE))))
    assert {*ErasureRequest.model_fields, *RECEIPT["properties"]} <= described


def test_every_request_and_every_command_of_the_page_is_one() -> None:
    bodies = dict(re.findall(r"/api/(erase|export-person) .*?-d '(.*?)'", PAGE, re.DOTALL))
    parse_erasure(bodies["erase"].encode())
    parse_export(bodies["export-person"].encode())
    assert json.loads(bodies["erase"])["asked_by"]
    lines = [shlex.split(line)[3:] for line in re.findall(r"^python -m clickstream\.erasing .*$", PAGE, re.MULTILINE)]
    assert [line[0] for line in lines] == ["export", "erase", "anonymise", "verify"]
    assert export_request(parse(lines[0])).user_ids == ("jane-4711",)
    assert erasure_request(parse(lines[1])).linked
    assert erasure_request(parse(lines[2])).mode is Mode.ANONYMISE
