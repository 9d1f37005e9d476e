"""What an operator supplied and cannot be used."""

from __future__ import annotations

from collections.abc import Sequence


class Unusable(Exception):
    """A list or a database that is not in the form it should have. `problems` lists everything that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
