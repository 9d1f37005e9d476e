"""`python -m tests.infra.packaging`: what each of the two tools uploads, which read .funcignore by different rules."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from pathspec import GitIgnoreSpec

Uploads = Callable[[str], bool]


def by_azd(text: str) -> Uploads:
    """As git reads a .gitignore."""
    spec = GitIgnoreSpec.from_lines(text.splitlines())
    return lambda path: not spec.match_file(path)


def by_core_tools(text: str) -> Uploads:
    """As Core Tools' own parser: each line is the beginning of a path from the root; a star is a sign or more."""
    patterns = []
    for line in map(str.strip, text.splitlines()):
        if line and not line.startswith("#"):
            assert not line.startswith("!"), "no line takes another back"
            escaped = re.sub(r"[-\[\]/{}()+?.\\^$|]", r"\\\g<0>", line.removeprefix("/"))
            patterns.append(escaped.replace("**", "(.+)").replace("*", "([^/]+)"))
    denied = re.compile("^(" + "|".join(f"({pattern})" for pattern in patterns) + ")")
    return lambda path: denied.match(path) is None


READERS: dict[str, Callable[[str], Uploads]] = {"azd": by_azd, "core-tools": by_core_tools}


def main() -> None:
    """Print what each tool uploads, and what the platform installs for it."""
    root = Path(__file__).parents[2]
    committed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True)
    for tool, reader in READERS.items():
        uploads = reader((root / ".funcignore").read_text())
        paths = [path for path in committed.stdout.splitlines() if uploads(path)]
        size = sum((root / path).stat().st_size for path in paths)
        print(f"{tool}: {len(paths)} files, {size / 1e6:.1f} MB uploaded, for each role the same")
    pins = re.findall(r"^([\w.-]+)==", (root / "requirements.txt").read_text(), re.M)
    sizes = {name: _installed_bytes(name) for name in sorted(set(pins))}
    print(f"{len(sizes)} distributions, {sum(sizes.values()) / 1e6:.0f} MB installed by the build; the largest:")
    for name, size in sorted(sizes.items(), key=lambda each: -each[1])[:8]:
        print(f"  {size / 1e6:6.0f} MB  {name}")


def _installed_bytes(name: str) -> int:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:  # of another platform
        return 0
    return sum(path.stat().st_size for file in files if (path := Path(str(file.locate()))).is_file())


if __name__ == "__main__":
    main()
