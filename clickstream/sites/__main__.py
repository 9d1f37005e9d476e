"""`python -m clickstream.sites plan | apply | schema | lint`: with the settings of the environment.

Exit codes: 0 done; 1 storage or a setting failed, or `lint --strict` found something; 2 a document is wrong;
3 somebody else changed a document meanwhile.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson

from clickstream.errors import ClickstreamError, Conflict, InvalidSite, LimitExceeded, SettingsError, Unavailable
from clickstream.services import Services, now
from clickstream.settings import Settings, job_address, job_connection
from clickstream.sites.document import Site, parse_site
from clickstream.sites.exports import Export
from clickstream.sites.notices import Notice
from clickstream.sites.pgp_keys import UnusableKey, public_key
from clickstream.sites.planning import Change, FieldChange, Kind, Plan, apply_change, make_plan, read_folder, read_sites
from clickstream.sites.table_imports import SqlImport
from clickstream.sql_connection import sql_connection
from clickstream.storage.site_documents import PREFIX
from clickstream.terminal import leave

FAILED, WRONG_DOCUMENT, CONFLICT = 1, 2, 3
# How long before the end of a key `plan` says so.
KEY_NOTICE = timedelta(days=30)
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
    sites = read_sites(texts)  # report problems of the documents before those of settings
    services = Services(Settings.from_env(os.environ))
    settings, documents = services.settings, services.site_documents
    plan = make_plan(texts, documents, PREFIX, delete=arguments.delete, allow_short_keys=settings.allow_short_keys)
    print(*_described(plan, arguments.delete), sep="\n")
    for line in _unlisted(sites, settings.listed_origins):
        print(line)
    for line in _of_jobs(sites, os.environ, now()):
        print(line)
    changed = [sites[change.site] for change in plan.changes if change.site in sites]
    for line in _of_audiences(changed, services, os.environ):
        print(line)
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
        lines.extend(f"    ! what is stored cannot be used: {problem}" for problem in change.problems)
        lines.extend(f"    {_described_field(field)}" for field in change.fields)
    if plan.unchanged:
        lines.append(f"unchanged: {', '.join(plan.unchanged)}")
    return lines


def _unlisted(sites: Mapping[str, Site], listed: frozenset[str]) -> Iterator[str]:
    """A line for each origin whose preflights the platform refuses, if the platform answers them itself."""
    for name, site in sites.items():
        for origin in site.origins if listed else ():
            if origin not in listed:
                yield f"! {name}: {origin} is not in ALLOWED_ORIGINS, and the platform refuses its preflights"


def _of_jobs(sites: Mapping[str, Site], environment: Mapping[str, str], moment: datetime) -> Iterator[str]:
    """A line for each connection of a job that is not set here, which the app may have nevertheless; and for each key
    that files can be encrypted for no longer, or not for long.
    """
    for name, site in sites.items():
        for job in site.jobs:
            for text in job.to.pgp_keys if isinstance(job, Export) else ():
                try:
                    key = public_key(text, moment)
                    if key.expires_at is not None and key.expires_at - moment < KEY_NOTICE:
                        yield f"! {name}: a key of the job {job.name}, {key.name}, expires on {key.expires_at:%Y-%m-%d}"
                except UnusableKey as error:
                    yield f"! {name}: a key of the job {job.name} cannot be used: {error}"
            try:
                for connection in job.connections if isinstance(job, Notice) else ():
                    job_address(environment, connection)
                if isinstance(job, SqlImport):
                    sql_connection(environment, job.connection)
                elif not isinstance(job, Notice):
                    job_connection(environment, job.connection)
            except SettingsError as error:
                yield f"! {name}: the job {job.name} needs a setting of the app: {error.message}"


def _of_audiences(changed: Sequence[Site], services: Services, environment: Mapping[str, str]) -> Iterator[str]:
    """A line for each audience of sites that change, with what would change in it; and for each connection of messages
    that is not set here.
    """
    for site in changed:
        try:
            for each in services.audience_previews.of(site) if site.audiences else ():
                waits = "; so much waits for a release" if each.waits else ""
                yield (
                    f"  {site.site}: audience {each.slug}: {each.members} members, {each.enter} enter, "
                    f"{each.leave} leave{waits}"
                )
        except (LimitExceeded, Unavailable) as error:
            yield f"! {site.site}: who would be in its audiences is not known: {error.message}"
        if (messages := site.audience_messages) is not None and messages.connection is not None:
            try:
                job_connection(environment, messages.connection, "fullyQualifiedNamespace")
            except SettingsError as error:
                yield f"! {site.site}: messages of audiences need a setting of the app: {error.message}"


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
    from clickstream.sites.lint_text import as_text
    from clickstream.sites.linting import Linter
    from clickstream.table.site_rows import site_rows
    from clickstream.table.specs import EVENTS_TABLE, FAILED_TABLE

    services = Services(Settings.from_env(os.environ))
    site = _site_of(arguments, services)
    period = _last_days(arguments.days, ZoneInfo(site.time_zone), now())
    linter = Linter(site.site, site.events)
    lake = (services.storage, services.settings.lake_container, site.site, period)
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


def _site_of(arguments: argparse.Namespace, services: Services) -> Site:
    if arguments.folder is not None:
        sites = read_sites(read_folder(arguments.folder))
        if arguments.site not in sites:
            raise InvalidSite([f"{arguments.folder}: holds no {arguments.site}.yaml"])
        return sites[arguments.site]
    stored = services.site_documents.fetch(f"{PREFIX}{arguments.site}.yaml")
    return parse_site(stored.text, expected=arguments.site)


def _last_days(days: int, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """The last `days` days in the zone, today included: from a midnight to the midnight after today."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    begin, end = (datetime.combine(day, time(), zone) for day in (tomorrow - timedelta(days=days), tomorrow))
    return begin, end


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 366:
        raise argparse.ArgumentTypeError("must be from 1 to 366")
    return days


if __name__ == "__main__":
    leave(main())
