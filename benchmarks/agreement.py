"""How far the columns made from user agents agree with the cases that public lists publish with themselves.

The cases come from installed packages: `crawler-user-agents` (agents of bots, each really seen), uap-core's own as its
last package that carries them has them (`ua-parser` 0.3.5 of npm), and `ua-parser-js` (agents with the name of browser,
system and kind of device that its authors expect). The last names things in words of its own; there names agree where
one contains the other, case and marks apart. Of uap-core they agree only where they are the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from clickstream.enriching.steps import STEPS, Knowledge, enrich

PACKAGES = Path(__file__).parents[1] / "tests" / "trackers" / "node_modules"
CASES = PACKAGES / "ua-parser-js" / "test"
CORE_CASES = PACKAGES / "ua-parser" / "test_resources"
CORE_BROWSERS = ("test_user_agent_parser", "firefox_user_agent_strings", "pgts_browser_list")
CORE_SYSTEMS = ("test_user_agent_parser_os", "additional_os_tests")
UNKNOWN = "Other"  # how uap-core says that it does not know
STEPS_OF_AGENTS = [step for step in STEPS if step.name in ("agent", "device")]
DEVICES = {"mobile": "mobile", "tablet": "tablet", "smarttv": "tv"}


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of the cases about one column agree."""

    name: str
    agree: int
    cases: int

    def __str__(self) -> str:
        return f"{self.name:<48} {self.agree:>5} of {self.cases:<5} {self.agree / self.cases:7.1%}"


def columns(agents: Sequence[str]) -> Sequence[dict[str, Any]]:
    """The derived columns of events with these agents."""
    nothing = pa.nulls(len(agents), pa.string())
    rows = pa.table({"site": nothing, "user_agent": pa.array(agents, pa.string()), "tracker": nothing})
    made: Sequence[dict[str, Any]] = enrich(rows, Knowledge(), STEPS_OF_AGENTS).to_pylist()
    return made


def rates() -> Iterator[Rate]:
    """The rate of each column in each list."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    bots = columns([agent for crawler in CRAWLER_USER_AGENTS_DATA for agent in crawler["instances"]])
    yield Rate("crawler-user-agents: is_bot", sum(row["is_bot"] for row in bots), len(bots))
    for column, files in (("browser", CORE_BROWSERS), ("os", CORE_SYSTEMS)):
        for file in files:
            core_cases = list(_expected_by_core(file))
            rows = columns([agent for agent, _ in core_cases])
            agree = sum((row[column] or UNKNOWN) == name for row, (_, name) in zip(rows, core_cases, strict=True))
            yield Rate(f"uap-core, {file}: {column}", agree, len(core_cases))
    for column, file in (("browser", "browser"), ("os", "os")):
        cases = [(agent, name) for agent, name in _expected(file, "name") if name != "undefined"]
        rows = columns([agent for agent, _ in cases])
        agree = sum(_alike(row[column], name) for row, (_, name) in zip(rows, cases, strict=True))
        yield Rate(f"ua-parser-js: {column}", agree, len(cases))
    cases = [(agent, DEVICES[kind]) for agent, kind in _expected("device", "type") if kind in DEVICES]
    rows = columns([agent for agent, _ in cases])
    agree = sum(row["device_class"] == kind for row, (_, kind) in zip(rows, cases, strict=True))
    yield Rate("ua-parser-js: device_class (mobile, tablet, tv)", agree, len(cases))


def _expected(file: str, name: str) -> Iterator[tuple[str, str]]:
    for case in json.loads((CASES / f"{file}-test.json").read_text()):
        if case["ua"] and case["expect"].get(name):
            yield case["ua"], case["expect"][name]


def _expected_by_core(file: str) -> Iterator[tuple[str, str]]:
    text = (CORE_CASES / f"{file}.yaml").read_text()
    for case in yaml.load(text, yaml.CSafeLoader)["test_cases"]:
        if "js_ua" not in case:  # a second agent, told by the browser's own script, which no header carries
            yield case["user_agent_string"], case["family"]


def _alike(found: str | None, expected: str) -> bool:
    plain, wanted = ("".join(filter(str.isalnum, name)).lower() for name in (found or "", expected))
    return bool(plain) and (plain in wanted or wanted in plain)


def main() -> int:
    print("derived columns that agree with the cases of public lists")
    for rate in rates():
        print(f"  {rate}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
