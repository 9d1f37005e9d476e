"""`python -m clickstream.erasing erase | anonymise | export | verify`: with the settings of the environment."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.receipt import problem_of
from clickstream.erasing.request import INVALID, ErasureRequest, ExportRequest
from clickstream.erasing.state import RECEIPTS, ErasureState
from clickstream.errors import ClickstreamError, InvalidRequest, NotFound
from clickstream.problems import check_body
from clickstream.services import Services
from clickstream.settings import Settings
from clickstream.storage.site_documents import PREFIX, SUFFIX
from clickstream.terminal import leave


def parse(command_line: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit if it names no command."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.erasing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in {
        "erase": "remove a person from every copy",
        "anonymise": "anonymise a person's events, but keep them for statistics",
        "export": "write everything about a person as lines of JSON",
    }.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("site")
        command.add_argument("--user", action="append", default=[], help="id of the known person; may be repeated")
        command.add_argument("--anonymous", action="append", default=[], help="id of a device; may be repeated")
        command.add_argument(
            "--linked", action="store_true", help="include the ids that events and `identities` link to these"
        )
        command.add_argument("--dry-run", action="store_true", help="list the ids and their rows, and change nothing")
        command.add_argument(
            "--force", action="store_true", help="go on even if an id appears in very many failed events"
        )
        if name == "export":
            command.add_argument("--to", help="a file; without it standard output")
        else:
            command.add_argument(
                "--asked-by", default="", help="what the receipt records of the requester; best no name"
            )
    verify = commands.add_parser("verify", help="check that a receipt is unchanged since it was signed")
    verify.add_argument("receipt", help=f"a file, or its path in the lake's container, {RECEIPTS}...")
    return parser.parse_args(command_line)


def erasure_request(command_line: argparse.Namespace) -> ErasureRequest:
    """The request of `erase` or `anonymise`. Raise InvalidRequest."""
    fields = {**_person(command_line), "mode": command_line.command, "asked_by": command_line.asked_by}
    return check_body(fields, ErasureRequest, INVALID)


def export_request(command_line: argparse.Namespace) -> ExportRequest:
    """The request of `export`. Raise InvalidRequest."""
    return check_body(_person(command_line), ExportRequest, INVALID)


def _person(command_line: argparse.Namespace) -> dict[str, Any]:
    return {
        "site_id": command_line.site,
        "user_ids": command_line.user,
        "anonymous_ids": command_line.anonymous,
        "linked": command_line.linked,
        "dry_run": command_line.dry_run,
        "force": command_line.force,
    }


def export(services: Services, request: ExportRequest, to: str | None) -> None:
    """Write the export to a file, or to standard output. Raise InvalidRequest, NotFound, LimitExceeded, Unavailable."""
    _check_site(services, request.site_id)
    lines = services.exporter.lines(request)
    with Path(to).open("wb") if to else nullcontext(sys.stdout.buffer) as file:
        file.writelines(lines)


def erase(services: Services, request: ErasureRequest) -> Mapping[str, Any]:
    """Erase or anonymise, and return the receipt. Raise as `Eraser.erase` does, and NotFound for an unknown site."""
    _check_site(services, request.site_id)
    return services.eraser.erase(request)


def verify(services: Services, name: str) -> str:
    """Check a receipt by its path, and return a sentence for the operator. Raise InvalidRequest if it was changed.

    Raise NotFound, Unavailable.
    """
    keys = ErasureKeys.derive(services.settings.visitor_id_key)
    if name.startswith(RECEIPTS) and not Path(name).exists():
        container = services.storage.container(services.settings.lake_container)
        receipt = ErasureState(container, keys).receipt(name)
    else:
        receipt = _read(Path(name))
    if (problem := problem_of(receipt, keys)) is not None:
        raise InvalidRequest(f"{name}: {problem}")
    return f"{name} is as it was signed at {receipt['completed_at']}"


def _read(path: Path) -> Mapping[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InvalidRequest(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict):
        raise InvalidRequest(f"{path} is no receipt")
    return document


def _check_site(services: Services, name: str) -> None:
    # Not `services.site`, because a document that is not valid must not block an erasure.
    if f"{PREFIX}{name}{SUFFIX}" not in services.site_documents.versions():
        raise NotFound(f"there is no site {name!r}; to erase what one has left, put its document back")


def main() -> int:
    """Returns the exit code."""
    command_line = parse(sys.argv[1:])
    if sys.stderr.isatty():  # show progress to the person who waits
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        services = Services(Settings.from_env(os.environ))
        match command_line.command:
            case "export":
                export(services, export_request(command_line), command_line.to)
            case "verify":
                print(verify(services, command_line.receipt))
            case _:
                print(json.dumps(erase(services, erasure_request(command_line)), indent=1))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
