"""Take pictures of every page of a running dashboard, for people to look at.

    python -m tests.browser.dashboard.screens FOLDER --key demo-read

They are of every width and both themes, with names such as `people-375-dark.png`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.browser.dashboard.looking import Looker

WIDTHS = (320, 375, 768, 1024, 1440, 1920)
HEIGHT = 900
THEMES = ("light", "dark")


def main() -> int:
    """Print each page that could not be reached; the exit code is 1 if there is any."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.dashboard.screens", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pictures go")
    parser.add_argument("--url", default="http://localhost:7071", help="address of the functions")
    parser.add_argument("--key", required=True, help="a read key")
    parser.add_argument(
        "--path", default="/dashboard", help="the dashboard's path, with the site if the key has several"
    )
    parser.add_argument("--widths", type=int, nargs="+", default=WIDTHS, help="widths of the window in pixels")
    parser.add_argument("--themes", nargs="+", choices=THEMES, default=THEMES)
    parser.add_argument("--pages", nargs="+", default=(), help="only these pages, such as people and person")
    arguments = parser.parse_args()
    problems = 0
    with Looker(arguments.url, arguments.folder / "driver.log") as looker:
        for width in arguments.widths:
            for theme in arguments.themes:
                missing = looker.look(
                    "screens.pictures",
                    path=arguments.path,
                    key=arguments.key,
                    folder=str(arguments.folder.resolve()),
                    suffix=f"{width}-{theme}",
                    pages=list(arguments.pages),
                    device={"viewport": {"width": width, "height": HEIGHT}, "colorScheme": theme},
                )
                for page, reason in missing.items():
                    print(f"{page} at {width} {theme}: {reason}")
                problems += len(missing)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
