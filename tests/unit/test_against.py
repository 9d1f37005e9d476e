"""What `python -m tests.against` says of an app: what passed, what differs and how, what was not run and why."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SUITE = """
import pytest
from tests.target import TARGET, RemoteStack

@pytest.fixture
def target():
    return TARGET

class Served(RemoteStack):
    def __init__(self): pass


def test_what_is_alike(target):
    assert target.collect_url == "http://127.0.0.1:9" and target.patience_seconds == 900

def test_what_is_not(target):
    assert 404 == 200, "the status of an answer"

def test_what_only_a_stack_of_ones_own_can_show(target):
    Served().event_hubs.flush_capture()

def test_what_never_reaches_an_app():
    assert False
"""


def test_every_test_is_told_once_with_what_it_saw_or_why_it_was_left_out(tmp_path: Path) -> None:
    suite = tmp_path / "test_suite.py"
    suite.write_text(SUITE)
    command = [sys.executable, "-m", "tests.against", "http://127.0.0.1:9/", "--suite", str(suite), "--suite"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [*command, "tests/e2e/contract"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stdout + done.stderr
    said = done.stdout.split("against http://127.0.0.1:9/\n")[1]
    assert [re.sub(r"\S*::", "::", line) for line in said.splitlines()] == [
        "passed       1",
        "differs      1",
        "  ::test_what_is_not",
        "      AssertionError: the status of an answer",
        "      assert 404 == 200",
        "not run      3",
        "  asks no app: it tests what the tests are made of",
        "      ::test_what_never_reaches_an_app",
        "  needs an app of its own, which --contract-url names: the one in tests/e2e/contract/app",
        "      tests/e2e/contract",
        "  needs the inside of a local stack: event_hubs",
        "      ::test_what_only_a_stack_of_ones_own_can_show",
    ]
