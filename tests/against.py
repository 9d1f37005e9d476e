"""`python -m tests.against URL`: what an app that runs elsewhere does differently from the local host.

The suites of the contract, the main job and the trackers pass against the local host. Here they run against an app by
its addresses alone: `func start`, a deployed app, another stack. Nothing of it is set, nothing is asked of its inside.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUITES = ("tests/e2e/contract", "tests/e2e/test_main_job.py", "tests/trackers")
CONTRACT = SUITES[0]
NO_CONTRACT = "needs an app of its own, which --contract-url names: the one in tests/e2e/contract/app"
ASKS_NO_APP = "asks no app: it tests what the tests are made of"
# Fixtures by which a test reaches an app.
REACHING = frozenset({"stack", "base_url", "target"})
SHOWN_LINES = 8


@dataclass(eq=False)  # plugins are told apart by identity
class Summary:
    """A plugin of pytest: what became of every test, and why it was not run or what it saw instead."""

    passed: list[str] = field(default_factory=list)
    differs: dict[str, str] = field(default_factory=dict)
    not_run: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    broke_off: str | None = None

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            if not REACHING & set(getattr(item, "fixturenames", ())):
                item.add_marker(pytest.mark.skip(reason=ASKS_NO_APP))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.differs[report.nodeid] = str(report.longrepr)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            self.not_run[reason.removeprefix("Skipped: ")].append(report.nodeid)
        elif report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.differs[report.nodeid] = crash.message if crash is not None else str(report.longrepr)
        elif report.when == "call":
            self.passed.append(report.nodeid)

    def lines(self) -> list[str]:
        """The three parts, each with its number."""
        lines = [f"passed   {len(self.passed):5}", f"differs  {len(self.differs):5}"]
        for test, what in self.differs.items():
            lines += [f"  {test}", *(f"      {line}" for line in what.splitlines()[:SHOWN_LINES])]
        lines.append(f"not run  {sum(map(len, self.not_run.values())):5}")
        for reason, tests in sorted(self.not_run.items()):
            lines += [f"  {reason}", *(f"      {test}" for test in tests)]
        return lines if self.broke_off is None else [*lines, f"NOT ALL WAS RUN: {self.broke_off}"]


def run(suites: Sequence[str], more: Sequence[str] = ()) -> Summary:
    """Run suites of this checkout against what the environment names."""
    summary = Summary()
    chosen = list(suites)
    if CONTRACT in chosen and not os.environ.get("FUNCTIONS_BASE_URL"):
        chosen.remove(CONTRACT)
        summary.not_run[NO_CONTRACT].append(CONTRACT)
    if chosen:
        of_this_checkout = [f"--rootdir={ROOT}", f"-c{ROOT / 'pyproject.toml'}"]
        options = ["-q", "--tb=no", "-r", "N", "-p", "no:cacheprovider", *of_this_checkout]
        ended = pytest.ExitCode(pytest.main([*options, *more, *chosen], plugins=[summary]))
        if ended not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            summary.broke_off = ended.name
    return summary


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.against", description=__doc__.split("\n\n")[0])
    parser.add_argument("url", help="where events are sent to, such as https://func-collect-NAME.azurewebsites.net")
    parser.add_argument("--lake-url", default="", help="where questions are asked, if that is another app")
    parser.add_argument("--contract-url", default="", help="a host that serves tests/e2e/contract/app")
    for name in ("server", "import", "read"):
        parser.add_argument(f"--{name}-key", default="", help=f"the demo site's {name} key (demo-{name})")
    parser.add_argument("--pages-port", type=int, default=0, help="serve the trackers' pages here (any free port)")
    parser.add_argument("--patience", type=int, default=900, help="seconds that compaction is waited for (900)")
    parser.add_argument("--suite", action="append", help=f"a file or folder of tests; else {', '.join(SUITES)}")
    parser.add_argument("-k", default="", help="only tests of such names, as pytest takes them")
    given = parser.parse_args()
    os.environ |= {
        "AGAINST_URL": given.url,
        "AGAINST_LAKE_URL": given.lake_url,
        "AGAINST_SERVER_KEY": given.server_key,
        "AGAINST_IMPORT_KEY": given.import_key,
        "AGAINST_READ_KEY": given.read_key,
        "AGAINST_PATIENCE_SECONDS": str(given.patience),
        "AGAINST_PAGES_PORT": str(given.pages_port),
    }
    if given.contract_url:
        os.environ["FUNCTIONS_BASE_URL"] = given.contract_url.rstrip("/")
    summary = run(given.suite or SUITES, ["-k", given.k] if given.k else [])
    print(f"\nagainst {given.url}", *summary.lines(), sep="\n")
    return 1 if summary.differs or summary.broke_off else 0


if __name__ == "__main__":
    sys.exit(main())
