"""`python -m clickstream.sites plan | apply | schema | lint`: with the settings of the environment.

Exit codes: 0 done; 1 storage or a setting failed, or `lint --strict` found something; 2 a document is wrong;
3 somebody else changed a document meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from clickstream.errors import ClickstreamError, Conflict, InvalidSite
from clickstream.lake.site_documents import PREFIX, EditableBlobSiteDocuments
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Settings
from clickstream.sites.document import Site, parse_site
from clickstream.sites.planning import Change, FieldChange, Kind, Plan, apply_change, make_plan, read_folder, read_sites
from clickstream.terminal import leave

FAILED, WRONG_DOCUMENT, CONFLICT = 1, 2, 3
SIGNS = {Kind.ADDED: "+", Kind.CHANGED: "~", Kind.REMOVED: "-"}


def main() -> int:
    """Returns the exit code."""
    arguments = _parser().parse_args()
    try:
        code: int = arguments.run(arguments)
    except InvalidSite as error:
        print(*error.problems, sep="\n", file=sys.stderr)
        return WRONG_DOCUMENT
    except Conflict as error:
        print(f"{error.message}; look at the plan again", file=sys.stderr)
        return CONFLICT
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m clickstream.sites", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    plan = commands.add_parser("plan", help="check the documents of a folder and show what would change")
    plan.set_defaults(run=_plan, apply=False, delete=False)
    apply = commands.add_parser("apply", help="as plan, and put it in force")
    apply.add_argument("--delete", action="store_true", help="also remove sites that the folder does not hold")
    apply.set_defaults(run=_plan, apply=True)
    for command in (plan, apply):
        command.add_argument("--folder", type=Path, default=Path("sites"), help="holds <site>.yaml (default: sites)")
    schema = commands.add_parser("schema", help="print the JSON Schema of a document, for editors")
    schema.set_defaults(run=_schema)
    lint = commands.add_parser("lint", help="compare the events of a site in the table with their definitions")
    lint.add_argument("site")
    lint.add_argument("--days", type=_days, default=7, help="how many days back, today included (default: 7)")
    lint.add_argument("--folder", type=Path, help="take the document from here, before it is in force")
    lint.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    lint.add_argument("--strict", action="store_true", help="exit with 1 when anything is found")
    lint.set_defaults(run=_lint)
    return parser


def _plan(arguments: argparse.Namespace) -> int:
    texts = read_folder(arguments.folder)
    read_sites(texts)  # what is wrong with the documents is told before any setting is asked for
    documents = _documents(Settings.from_env(os.environ))
    plan = make_plan(texts, documents, PREFIX, delete=arguments.delete)
    print(*_described(plan, arguments.delete), sep="\n")
    if not arguments.apply:
        return 0
    for change in plan.changes:
        if change.kind is not Kind.REMOVED or arguments.delete:
            apply_change(change, documents)
            print(f"{change.kind} {change.path}")
    return 0


def _described(plan: Plan, delete: bool) -> list[str]:
    lines: list[str] = []
    for change in plan.changes:
        lines.append(f"{SIGNS[change.kind]} {change.site}{_remark(change, delete)}")
        lines.extend(f"    {_described_field(field)}" for field in change.fields)
    if plan.unchanged:
        lines.append(f"unchanged: {', '.join(plan.unchanged)}")
    return lines


def _remark(change: Change, delete: bool) -> str:
    if change.kind is Kind.REMOVED:
        return "" if delete else "    (not in the folder; stays in force unless `apply --delete`)"
    return "" if change.fields else "    (comments or order only)"


def _described_field(field: FieldChange) -> str:
    if field.before is None:
        return f"+ {field.name}: {field.after}"
    if field.after is None:
        return f"- {field.name}: {field.before}"
    return f"~ {field.name}: {field.before} -> {field.after}"


def _schema(arguments: argparse.Namespace) -> int:
    from clickstream.sites.publishing import site_schema_text

    print(site_schema_text(), end="")
    return 0


def _lint(arguments: argparse.Namespace) -> int:
    from clickstream.lake.delta import EVENTS_TABLE, FAILED_TABLE
    from clickstream.lake.site_rows import site_rows
    from clickstream.sites.lint_text import as_text
    from clickstream.sites.linting import Linter

    settings = Settings.from_env(os.environ)
    account = StorageAccount.from_connection(settings.lake)
    site = _site_of(arguments, settings)
    period = _last_days(arguments.days, ZoneInfo(site.time_zone), datetime.now(UTC))
    linter = Linter(site)
    lake = (account, settings.lake_container, site.site, period)
    for rows in site_rows(
        EVENTS_TABLE, *lake, "occurred_at", ["event_type", "event_name", "properties", "definition_version"]
    ):
        linter.take_events(rows)
    for rows in site_rows(FAILED_TABLE, *lake, "received_at", ["failure_class", "pointer", "message"]):
        linter.take_failed_events(rows)
    report = linter.report()
    begin, end = period
    if arguments.json:
        print(orjson.dumps({"from": begin, "to": end, **report.to_dict()}, option=orjson.OPT_INDENT_2).decode())
    else:
        print(as_text(report, f"{begin.date()} to {(end - timedelta(seconds=1)).date()} ({site.time_zone})"))
    return FAILED if arguments.strict and report.findings else 0


def _site_of(arguments: argparse.Namespace, settings: Settings) -> Site:
    if arguments.folder is not None:
        sites = read_sites(read_folder(arguments.folder))
        if arguments.site not in sites:
            raise InvalidSite([f"{arguments.folder}: holds no {arguments.site}.yaml"])
        return sites[arguments.site]
    stored = _documents(settings).fetch(f"{PREFIX}{arguments.site}.yaml")
    return parse_site(stored.text, expected=arguments.site)


def _last_days(days: int, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """From a midnight of the zone to the end of today."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    begin, end = (datetime.combine(day, time(), zone) for day in (tomorrow - timedelta(days=days), tomorrow))
    return begin, end


def _documents(settings: Settings) -> EditableBlobSiteDocuments:
    account = StorageAccount.from_connection(settings.lake)
    return EditableBlobSiteDocuments(account.container(settings.config_container))


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 366:
        raise argparse.ArgumentTypeError("must be from 1 to 366")
    return days


if __name__ == "__main__":
    leave(main())
