"""`python -m clickstream.erasing erase | anonymise | export | verify`: with the settings of the environment."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from clickstream.erasing.erased import ErasureKeys
from clickstream.erasing.eraser import Eraser
from clickstream.erasing.exporting import Exporter
from clickstream.erasing.receipt import problem_of
from clickstream.erasing.request import ErasureRequest, ExportRequest, refusal
from clickstream.erasing.state import RECEIPTS, ErasureState
from clickstream.errors import ClickstreamError, InvalidRequest, NotFound
from clickstream.ids import uuid7
from clickstream.lake.blobs import Blobs
from clickstream.lake.site_documents import PREFIX, SUFFIX, EditableBlobSiteDocuments
from clickstream.lake.storage import StorageAccount
from clickstream.settings import Settings
from clickstream.terminal import leave


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return uuid7(time.time_ns() // 1_000_000, os.urandom(10))


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line; exits on one that states no command."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.erasing", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, told in {
        "erase": "remove a person from every copy",
        "anonymise": "keep a person's events, of nobody",
        "export": "write everything about a person as lines of JSON",
    }.items():
        command = commands.add_parser(name, help=told)
        command.add_argument("site")
        command.add_argument("--user", action="append", default=[], help="id of the known person; may be repeated")
        command.add_argument("--anonymous", action="append", default=[], help="id of a device; may be repeated")
        command.add_argument("--linked", action="store_true", help="with the ids that identify and alias join to these")
        if name == "export":
            command.add_argument("--to", help="a file; without it standard output")
        else:
            command.add_argument("--asked-by", default="", help="what the receipt says of who asked; best no name")
    verify = commands.add_parser("verify", help="whether a receipt is as it was signed")
    verify.add_argument("receipt", help=f"a file, or its path in the lake's container, {RECEIPTS}...")
    return parser.parse_args(arguments)


def erasure_asked(asked: argparse.Namespace) -> ErasureRequest:
    """The request of `erase` or `anonymise`. Raise InvalidRequest."""
    try:
        return ErasureRequest.model_validate({**_person(asked), "mode": asked.command, "asked_by": asked.asked_by})
    except ValidationError as error:
        raise refusal(error) from None


def export_asked(asked: argparse.Namespace) -> ExportRequest:
    """The request of `export`. Raise InvalidRequest."""
    try:
        return ExportRequest.model_validate(_person(asked))
    except ValidationError as error:
        raise refusal(error) from None


def _person(asked: argparse.Namespace) -> dict[str, Any]:
    return {
        "site_id": asked.site,
        "user_ids": asked.user,
        "anonymous_ids": asked.anonymous,
        "linked": asked.linked,
    }


def export(settings: Settings, request: ExportRequest, to: str | None) -> None:
    """Write the lines to a file, or to standard output. Raise NotFound, Unavailable."""
    account = StorageAccount.from_connection(settings.lake)
    _check_site(settings, account, request.site_id)
    lines = Exporter(account, settings, now).lines(request)
    with Path(to).open("wb") if to else nullcontext(sys.stdout.buffer) as file:
        file.writelines(lines)


def erase(settings: Settings, request: ErasureRequest) -> Mapping[str, Any]:
    """The receipt. Raise NotFound, Unavailable."""
    account = StorageAccount.from_connection(settings.lake)
    _check_site(settings, account, request.site_id)
    return Eraser(account, settings, now, new_id, os.urandom).erase(request)


def verify(settings: Settings, name: str) -> str:
    """That the receipt is whole, in a sentence. Raise NotFound, InvalidRequest where it is not."""
    keys = ErasureKeys.derive(settings.visitor_id_key)
    if name.startswith(RECEIPTS) and not Path(name).exists():
        container = StorageAccount.from_connection(settings.lake).container(settings.lake_container)
        receipt = ErasureState(Blobs(container), keys).receipt(name)
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


def _check_site(settings: Settings, account: StorageAccount, name: str) -> None:
    documents = EditableBlobSiteDocuments(account.container(settings.config_container))
    if f"{PREFIX}{name}{SUFFIX}" not in documents.versions():
        raise NotFound(f"there is no site {name!r}; to erase what one has left, put its document back")


def main() -> int:
    """Returns the exit code."""
    asked = parse(sys.argv[1:])
    if sys.stderr.isatty():  # somebody waits, and wants to see that something happens
        logging.basicConfig(level=logging.INFO, format="%(message)s")
        logging.getLogger("azure").setLevel(logging.WARNING)
    try:
        settings = Settings.from_env(os.environ)
        match asked.command:
            case "export":
                export(settings, export_asked(asked), asked.to)
            case "verify":
                print(verify(settings, asked.receipt))
            case _:
                print(json.dumps(erase(settings, erasure_asked(asked)), indent=1))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
