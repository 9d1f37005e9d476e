"""Golden files: the canonical rows that a version of a client becomes, kept so that no change goes unseen."""

from __future__ import annotations

import difflib
import importlib.metadata
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from clickstream.model.schema import DERIVED_COLUMNS

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
GOLDEN = FOLDER / "golden"

# Where and when a row landed, and what is derived from it, says nothing of how the client was read.
LEFT_OUT = frozenset(
    {
        *("fingerprint", "event_date", "hub_partition", "sequence_number", "enqueued_at", "capture_file"),
        *("id_reused", "batch"),
        *(column.name for column in DERIVED_COLUMNS),
    }
)
# Numbers, ids and clocks that differ on each run, in the order in which they are looked for.
MASKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("time", re.compile(r"\b20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?")),
    ("id", re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b")),
    ("id", re.compile(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{16,64}\b")),
    ("time", re.compile(r"\b1[6-9]\d{8}(\d{3}|\d{6})?\b|\b1[6-9]\d{8}\.\d+\b")),
    ("port", re.compile(r"(?<=localhost:)\d{2,5}|(?<=127\.0\.0\.1:)\d{2,5}")),
    ("version", re.compile(r"(?<=Chrome/)[\d.]+|(?<=Chromium/)[\d.]+")),
)
JSON_COLUMNS = frozenset({"properties", "context", "violations"})
# Versions of what the machine happens to have; the client's own version stays.
OF_THE_MACHINE = re.compile(r"(browser|python|node|runtime|kernel|distro|os)[a-z_$]*version$", re.IGNORECASE)
# What a client measures of its own run.
MEASURED = re.compile(r"^engagement_ms$|_init_time_ms$|pageview_duration$|_remaining_tokens$|_retry_queue_size$")
SHORTEST_ID = 8  # characters; a shorter event id was chosen by the test, and its text may stand in other words


def assert_golden(package: str, rows: Sequence[Mapping[str, Any]], scenario: str = "", **known: str) -> None:
    """Compare rows with `golden/<package>-<installed version>[-<scenario>].json`; write it where UPDATE_GOLDEN is set.

    The order of the rows counts. Columns without a value are left out, `properties` and `context` are compared as JSON.
    What differs on each run is replaced: event ids, UUIDs and long hexadecimal ids by `<id-1>`, `<id-2>`, ..., the same
    for the same id; clocks, ports, what was measured and versions of the machine's programs by a word. `known` names
    what only the test knows: `session=run.told["session"]` replaces that text by `<session>` wherever it stands.
    """
    name = "-".join(
        part for part in (package.lstrip("@").replace("/", "-"), installed_version(package), scenario) if part
    )
    path = GOLDEN / f"{name}.json"
    masked = mask_rows(rows, {text: word for word, text in known.items()})
    found = json.dumps(masked, indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.mkdir(exist_ok=True)
        path.write_text(found)
    assert path.is_file(), f"{path.name} is missing: run with UPDATE_GOLDEN=1, and read what it wrote"
    kept = path.read_text()
    if found != kept:
        lines = difflib.unified_diff(kept.splitlines(), found.splitlines(), path.name, "found", lineterm="")
        pytest.fail("\n".join(["other rows than were kept; UPDATE_GOLDEN=1 rewrites them", *lines]), pytrace=False)


def installed_version(package: str) -> str:
    """Version of a package from npm, else from PyPI."""
    for folder in (FOLDER, ROOT / "local"):
        manifest = folder / "node_modules" / package / "package.json"
        if manifest.is_file():
            version: str = json.loads(manifest.read_text())["version"]
            return version
    return importlib.metadata.version(package)


def mask_rows(rows: Sequence[Mapping[str, Any]], known: Mapping[str, str]) -> list[dict[str, Any]]:
    """The rows without what differs on each run. `known` maps texts to the words that replace them."""
    mask = Masking(known, [row["event_id"] for row in rows if len(row.get("event_id") or "") >= SHORTEST_ID])
    return [
        {
            column: mask.value(json.loads(value) if column in JSON_COLUMNS else value)
            for column, value in row.items()
            if value is not None and column not in LEFT_OUT
        }
        for row in rows
    ]


class Masking:
    """Replaces what differs on each run, the same text by the same word throughout."""

    def __init__(self, known: Mapping[str, str], ids: Sequence[str]) -> None:
        self._known = known
        self._numbers: dict[str, int] = {}
        self._ids = ids

    def value(self, value: Any) -> Any:
        """A JSON value, masked in depth; a number that differs on each run becomes text."""
        if isinstance(value, dict):
            return {self.text(key): self._of_key(key, item) for key, item in sorted(value.items())}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int | float) and self.text(repr(value)) != repr(value):
            return self.text(repr(value))
        return value

    def _of_key(self, key: str, value: Any) -> Any:
        if OF_THE_MACHINE.search(key):
            return "<version>"
        return "<measured>" if MEASURED.search(key) else self.value(value)

    def text(self, text: str) -> str:
        """A text with all that differs replaced."""
        for known, word in self._known.items():
            text = text.replace(known, f"<{word}>")
        for event_id in self._ids:
            if event_id in text:
                text = text.replace(event_id, self._numbered(event_id))
        for word, pattern in MASKS:
            replace = self._numbered_match if word == "id" else f"<{word}>"
            text = pattern.sub(replace, text)
        return text

    def _numbered(self, identity: str) -> str:
        return f"<id-{self._numbers.setdefault(identity.lower(), len(self._numbers) + 1)}>"

    def _numbered_match(self, found: re.Match[str]) -> str:
        return self._numbered(found[0])
