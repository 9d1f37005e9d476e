"""The error for an operator's file that cannot be used."""

from __future__ import annotations

from collections.abc import Sequence


class Unusable(Exception):
    """A list or a database has an invalid form. `problems` lists everything that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)
