"""`python -m clickstream.identity run | rebuild | problems | secret | edits | merge | split | link | unlink | block |
undo`: the tables of people, operators' edits of them, and the secret that signs user ids, with the settings of the
environment.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from clickstream.deriving.edit_request import INVALID, EditRequest
from clickstream.errors import ClickstreamError
from clickstream.privacy.signatures import signature_of, signing_secret
from clickstream.problems import check_body
from clickstream.services import Services
from clickstream.settings import Settings
from clickstream.terminal import leave

EDITS = {
    "merge": "these users are one person, and these devices one device",
    "split": "no link joins these ids to others",
    "link": "the user was on the device: DEVICE USER --at MOMENT",
    "unlink": "the user was never on the device: DEVICE USER",
    "block": "these ids mean nobody",
}


def parse(command_line: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exit if it names no command."""
    parser = argparse.ArgumentParser(prog="python -m clickstream.identity", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="bring the tables up to date, as compaction does")
    commands.add_parser("rebuild", help="derive the tables from all events anew")
    secret = commands.add_parser("secret", help="print the secret with which the site's server signs user ids")
    secret.add_argument("site")
    secret.add_argument("--user-id", help="also print the signature of this user id, to compare with one's own")
    commands.add_parser("problems", help="print what the rules ignore of a site's events, and why").add_argument("site")
    commands.add_parser("edits", help="print the log of a site's edits").add_argument("site")
    for name, text in {**EDITS, "undo": "an edit is void: its NUMBER"}.items():
        command = commands.add_parser(name, help=text)
        command.add_argument("site")
        if name == "undo":
            command.add_argument("undoes", type=int, metavar="number")
        else:
            command.add_argument("ids", nargs="+", metavar="id")
        if name == "link":
            command.add_argument("--at", required=True, help="a moment with its offset, as 2026-03-01T12:00:00Z")
        command.add_argument("--why", required=True, help="the reason, for the log; best no name")
        command.add_argument("--asked-by", default="", help="what the log records of the requester; best no name")
        command.add_argument("--dry-run", action="store_true", help="print what would change, and record nothing")
    return parser.parse_args(command_line)


def edit_request(command_line: argparse.Namespace) -> EditRequest:
    """The request of an edit. Raise InvalidRequest."""
    fields: dict[str, Any] = vars(command_line).copy()
    fields["kind"], fields["site_id"] = fields.pop("command"), fields.pop("site")
    return check_body(fields, EditRequest, INVALID)


def signing(services: Services, command_line: argparse.Namespace) -> dict[str, Any]:
    """The newest secret of a site, and the signature of a user id, if one is given. Raise ClickstreamError."""
    site = services.site(command_line.site)
    version = max(site.identity.secret_versions)
    secret = signing_secret(services.settings.visitor_id_key, site.site, version)
    user_id = command_line.user_id
    signature = {} if user_id is None else {"user_id": user_id, "signature": signature_of(user_id, secret)}
    return {"site": site.site, "version": version, "secret": secret, **signature}


def answer(services: Services, command_line: argparse.Namespace) -> Any:
    """What the command prints. Raise ClickstreamError."""
    match command_line.command:
        case "run":
            return asdict(services.deriver.run(at_once=True))
        case "rebuild":
            return asdict(services.deriver.rebuild())
        case "secret":
            return signing(services, command_line)
        case "problems":
            return services.editor.problems(services.site(command_line.site).site)
        case "edits":
            return services.editor.lines(services.site(command_line.site).site)
        case _:
            request = edit_request(command_line)
            services.site(request.site_id)
            return services.editor.edit(request)


def main() -> int:
    """Returns the exit code."""
    command_line = parse(sys.argv[1:])
    try:
        print(json.dumps(answer(Services(Settings.from_env(os.environ)), command_line), indent=1))
    except ClickstreamError as error:
        print(error.message, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    leave(main())
