"""Run before the code is deployed: the origins of every site must be in ALLOWED_ORIGINS, else preflights fail."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from azd import Refused, origins, refuse

# Both forms of a list in YAML, up to the next key at the left margin.
BLOCK = re.compile(r"^origins:(.*?)(?=^\S|\Z)", re.M | re.S)
ORIGIN = re.compile(r"https?://[^\s,\]\"'#]+")


def main() -> int:
    try:
        allowed = set(origins())
        missing = {
            f"{origin} of {file}"
            for file in sorted(Path("sites").glob("*.yaml"))
            for block in BLOCK.findall(file.read_text(encoding="utf-8"))
            for origin in ORIGIN.findall(re.sub(r"(?m)(^|\s)#.*$", "", block))
            if origin not in allowed
        }
        if missing:
            raise Refused(
                "ALLOWED_ORIGINS lacks "
                + ", ".join(sorted(missing))
                + ". The platform would refuse their preflights. List "
                "each host, one by one, in place of a wildcard: azd env set ALLOWED_ORIGINS ..., then azd provision"
            )
    except Refused as error:
        return refuse(error)
    return 0


if __name__ == "__main__":
    sys.exit(main())
