"""Compare the columns derived from user agents with the test cases of public lists.

The cases come from packages: `crawler-user-agents` (bots, each observed), `crawlerdetect` (crawlers and real devices of
its tests), `user-agents` (real visitors of a month), uap-core (in the last package with its cases, `ua-parser` 0.3.5 of
npm), and `ua-parser-js` (agents with the expected browser, system and device). ua-parser-js has names of its own: two
names agree if one contains the other, apart from case and punctuation. Names of uap-core must be equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from clickstream.enriching.bots import sent_by_bot
from clickstream.enriching.steps import STEPS, Knowledge, enrich

PACKAGES = Path(__file__).parents[1] / "tests" / "trackers" / "node_modules"
VISITED = PACKAGES / "user-agents" / "dist" / "user-agents.json"
CASES = PACKAGES / "ua-parser-js" / "test"
CORE_CASES = PACKAGES / "ua-parser" / "test_resources"
CORE_BROWSERS = ("test_user_agent_parser", "firefox_user_agent_strings", "pgts_browser_list")
CORE_SYSTEMS = ("test_user_agent_parser_os", "additional_os_tests")
UNKNOWN = "Other"  # uap-core's name for an unknown value
STEPS_OF_AGENTS = [step for step in STEPS if step.name in ("agent", "device")]
DEVICES = {"mobile": "mobile", "tablet": "tablet", "smarttv": "tv"}


@dataclass(frozen=True, slots=True)
class Rate:
    """The number of cases of one column that agree."""

    name: str
    agree: int
    cases: int

    def __str__(self) -> str:
        return f"{self.name:<48} {self.agree:>5} of {self.cases:<5} {self.agree / self.cases:7.1%}"


@dataclass(frozen=True, slots=True)
class Mistakes:
    """The number of agents of one kind, in all lists, that are classified as the other kind."""

    name: str
    mistaken: int
    cases: int

    def __str__(self) -> str:
        return f"{self.name}: {self.mistaken} of {self.cases}, {self.mistaken / self.cases:.3%}"


def mistakes(measured: Iterable[Rate]) -> Iterator[Mistakes]:
    """The two errors of bot detection: the first loses visitors, the second adds some."""
    rates_by_column = [(rate, rate.name.rpartition(": ")[2]) for rate in measured]
    for name, column in (("real browsers called bots", "not is_bot"), ("bots missed", "is_bot")):
        lists = [rate for rate, name_of_column in rates_by_column if name_of_column == column]
        cases = sum(rate.cases for rate in lists)
        yield Mistakes(name, cases - sum(rate.agree for rate in lists), cases)


def columns(agents: Sequence[str]) -> Sequence[dict[str, Any]]:
    """The derived columns of events with these user agents, one row each."""
    nothing = pa.nulls(len(agents), pa.string())
    rows = pa.table({"site": nothing, "user_agent": pa.array(agents, pa.string()), "tracker": nothing})
    enriched: Sequence[dict[str, Any]] = enrich(rows, Knowledge(), STEPS_OF_AGENTS).to_pylist()
    return enriched


def rates() -> Iterator[Rate]:
    """Measure each column against each list."""
    from crawleruseragents import CRAWLER_USER_AGENTS_DATA

    for name, agents, expected in (
        ("crawler-user-agents: is_bot", [each for bot in CRAWLER_USER_AGENTS_DATA for each in bot["instances"]], True),
        ("crawlerdetect, crawlers.txt: is_bot", _lines("crawlers.txt"), True),
        ("crawlerdetect, devices.txt: not is_bot", _lines("devices.txt"), False),
        ("user-agents: not is_bot", [entry["userAgent"] for entry in json.loads(VISITED.read_text())], False),
    ):
        # The whole step would take most of its time for the classes of all these devices.
        yield Rate(name, sum(sent_by_bot(agent, names_tracker=False) is expected for agent in agents), len(agents))
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


def _lines(file: str) -> list[str]:
    return (Path(sys.prefix) / "lists" / file).read_text(errors="replace").splitlines()


def _expected(file: str, name: str) -> Iterator[tuple[str, str]]:
    for case in json.loads((CASES / f"{file}-test.json").read_text()):
        if case["ua"] and case["expect"].get(name):
            yield case["ua"], case["expect"][name]


def _expected_by_core(file: str) -> Iterator[tuple[str, str]]:
    text = (CORE_CASES / f"{file}.yaml").read_text()
    for case in yaml.load(text, yaml.CSafeLoader)["test_cases"]:
        if "js_ua" not in case:  # cases with a second user agent from a script, which no header contains
            yield case["user_agent_string"], case["family"]


def _alike(actual: str | None, expected: str) -> bool:
    one, other = ("".join(filter(str.isalnum, name)).lower() for name in (actual or "", expected))
    return bool(one) and (one in other or other in one)


def main() -> int:
    """Print all rates and errors."""
    print("derived columns that agree with the cases of public lists")
    measured = list(rates())
    for rate in measured:
        print(f"  {rate}")
    for mistake in mistakes(measured):
        print(mistake)
    return 0


if __name__ == "__main__":
    sys.exit(main())
