"""Tolerant reading: values that are invalid or over a limit are left out and listed, instead of failing the event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any

from clickstream.errors import InvalidRequest
from clickstream.problems import steps

MAX_LEFT_OUT = 20
MAX_POINTER = 300

Read = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class LeftOut:
    """What was left out of one event: a JSON pointer and a message each; beyond MAX_LEFT_OUT only their number.

    The pointer of an invalid value leads into the original, that of a value over a limit into the event.
    """

    def __init__(self) -> None:
        self._entries: list[dict[str, str]] = []
        self._more = 0

    def add(self, pointer: str, message: str) -> None:
        """Add one value."""
        if len(self._entries) < MAX_LEFT_OUT:
            self._entries.append({"pointer": pointer[:MAX_POINTER], "message": message})
        else:
            self._more += 1

    def entries(self) -> list[dict[str, str]]:
        """The entries as they are stored in the event's context, each with `pointer` and `message`."""
        more = [{"pointer": "", "message": f"and {self._more} more"}] if self._more else []
        return [*self._entries, *more]

    def __len__(self) -> int:
        return len(self._entries) + self._more


def read_tolerantly(
    read: Read, original: Mapping[str, Any], left_out: LeftOut, *, strict_clocks: bool
) -> Mapping[str, Any]:
    """Read an original, and again without each invalid value that the event does not need; `left_out` lists those.

    Raise InvalidRequest if an invalid value is needed (with `strict_clocks` also a clock), or if more than MAX_LEFT_OUT
    values are invalid.
    """
    first: InvalidRequest | None = None
    while True:
        try:
            return read(original)
        except InvalidRequest as problem:
            first, without = first or problem, problem.without
            if without is None or len(left_out) == MAX_LEFT_OUT or (strict_clocks and without.is_clock):
                raise first from None
            changed = _replaced(original, steps(without.pointer), without.instead)
            if changed is None:
                raise first from None
            left_out.add(problem.pointer or "", problem.message)
            original = changed


def long_id(text: str) -> str:
    """A hash that replaces an id which is too long: the same for the same id, and distinct for distinct ids."""
    return f"long-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=16).hexdigest()}"


def _replaced(value: Any, steps: list[str], instead: object) -> Any:
    """A copy with `instead` at the place; None removes an object's member, and becomes null in an array.

    None if there is no such place.
    """
    step, *further = steps
    if isinstance(value, list):
        index = int(step) if step.isdecimal() else len(value)
        if index >= len(value) or value[index] is None:
            return None
        changed = _replaced(value[index], further, instead) if further else instead
        return None if further and changed is None else [*value[:index], changed, *value[index + 1 :]]
    if not isinstance(value, dict) or step not in value:
        return None
    if not further and instead is None:
        return {name: item for name, item in value.items() if name != step}
    changed = _replaced(value[step], further, instead) if further else instead
    return None if changed is None else {**value, step: changed}
