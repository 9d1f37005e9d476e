"""Searches in untrusted texts that take linear time, whatever the text is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydantic_core import SchemaValidator, core_schema


def linear(*patterns: str) -> Callable[[str], bool]:
    """A function that returns whether a text has a match of any of these Rust patterns (https://docs.rs/regex).

    Rust's engine never backtracks. It takes some 2 ns a character for each pattern; Python's takes 50. Keep each
    pattern small, without counted repetitions of more than a few: its automaton is built while it runs, and one with
    too many states is rebuilt again and again.
    """
    searches = [
        SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")).isinstance_python
        for pattern in patterns
    ]

    def may_hold(text: str) -> bool:
        if not text.isascii():  # Rust rejects lone surrogates
            text = text.encode("utf-8", "replace").decode()
        for search in searches:  # noqa: SIM110 - `any` costs more than a search
            if search(text):
                return True
        return False

    return may_hold


def word_or(marks: str) -> str:
    r"""A class for `linear` that matches what Python's `[\w...]` does: `marks`, and all characters beyond ASCII."""
    others = [code for code in range(128) if not (chr(code).isalnum() or chr(code) in "_" + marks)]
    return "[^" + "".join(f"\\x{code:02x}" for code in others) + "]"


@dataclass(frozen=True, slots=True)
class Around:
    """A pattern around a sign that is rare in texts: it searches for the sign and matches what surrounds it.

    `before` is matched against the reversed text. `before` is matched first, unless `ahead`. Choose the side that
    cannot reach beyond the next sign, because the other would be matched repeatedly over the same text.
    """

    before: re.Pattern[str]
    sign: re.Pattern[str]
    after: re.Pattern[str]
    ahead: bool = False

    def find(self, text: str) -> Iterator[tuple[int, re.Match[str], re.Match[str]]]:
        """Each match: the index where it starts, the match of the sign, and the match after the sign."""
        last_end, length = 0, len(text)
        backwards = ""
        for sign in self.sign.finditer(text):
            if sign.start() < last_end or (self.ahead and self.after.match(text, sign.end()) is None):
                continue
            backwards = backwards or text[::-1]
            before = self.before.match(backwards, length - sign.start(), length - last_end)
            if before is not None and (after := self.after.match(text, sign.end())) is not None:
                yield length - before.end(), sign, after
                last_end = after.end()

    def sub(self, replaced: Callable[[str, str, str], str], text: str) -> str:
        """The text with each match replaced. `replaced` gets the text before the sign, the sign, the text after it."""
        parts: list[str] = []
        last_end = 0
        for start, sign, after in self.find(text):
            parts += (text[last_end:start], replaced(text[start : sign.start()], sign[0], after[0]))
            last_end = after.end()
        return "".join(parts) + text[last_end:] if parts else text
