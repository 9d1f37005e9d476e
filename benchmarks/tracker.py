"""Measure the tracking script: its size, and its parse and execution time in a Chromium slowed down four times."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from local.browser.driver import find_chromium

ROOT = Path(__file__).parent.parent
STATIC = ROOT / "functions" / "static"


def main() -> None:
    """Print size and times. Raise BrowserFailed without a Chromium."""
    sizes = {name: (STATIC / name).stat().st_size for name in ("t.js", "t.js.gz")}
    print(f"t.js: {sizes['t.js']} bytes, {sizes['t.js.gz']} compressed (budget 3072)", flush=True)
    script = str(ROOT / "benchmarks" / "tracker.mjs")
    environment = {**os.environ, "CHROMIUM": find_chromium()}
    subprocess.run(["node", script, str(STATIC / "t.js")], env=environment, check=True)


if __name__ == "__main__":
    main()
