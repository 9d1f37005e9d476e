"""No regular expression takes more than linear time, whatever the text is that a stranger gives it.

Every compiled pattern of the packages is found by walking their modules, and every pattern that is written as a text in
a call of `re` by reading their sources, so that a new one is covered by itself. Each is tried in the ways that it is
used in: one that is only matched from a text's beginning need not be quick to search with.
"""

from __future__ import annotations

import ast
import pkgutil
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from pydantic_core import SchemaValidator

import clickstream
import functions
import local.demo.access_log as access_log
from clickstream.enriching import bots
from clickstream.privacy.linear import Around
from clickstream.privacy.patterns import KINDS
from tests.support.linear_time import (
    LENGTHS,
    LONG,
    TEXTS,
    check,
)

ROOT = Path(__file__).parents[2]
PACKAGES: tuple[ModuleType, ...] = (clickstream, functions, access_log)
FROM_THE_START = frozenset({"match", "fullmatch"})
USES = FROM_THE_START | {"search", "findall", "finditer", "sub", "split"}
MENTION = re.compile(rf"\.\s*({'|'.join(sorted(USES))})\b")
# Agents are cut before any list looks at them.
LONGEST: dict[str, int] = {"enriching.bots": bots.LOOKED_AT, "enriching.agents": bots.LOOKED_AT}
MARKS = (*"a0 .:/=&%@\"'\\-_\n\t,;#[]{}()<>+*?", "é", "\0")


def modules() -> Iterator[ModuleType]:
    for package in PACKAGES:
        yield package
        for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}."):
            if not found.name.endswith("__main__"):
                yield import_module(found.name)


@cache
def mentions() -> Sequence[tuple[ModuleType, Sequence[ast.Attribute | ast.Call]]]:
    """Each module with the calls in it and the attributes that are named like methods of patterns."""
    found = []
    for module in modules():
        text = Path(str(module.__file__)).read_text()
        if MENTION.search(text):  # to parse all would take each process that collects tests two seconds
            nodes = [
                node
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Call) or (isinstance(node, ast.Attribute) and node.attr in USES)
            ]
            found.append((module, nodes))
    return found


def uses() -> dict[str, set[str]]:
    """The methods of patterns that are called on a variable or field anywhere, by its name; and in a module."""
    found: dict[str, set[str]] = {}
    for module, nodes in mentions():
        for node in nodes:
            if isinstance(node, ast.Attribute):
                name = node.value
                called = name.id if isinstance(name, ast.Name) else name.attr if isinstance(name, ast.Attribute) else ""
                for label in (called, f"{module.__name__}.{called}"):
                    found.setdefault(label, set()).add(node.attr)
    return found


class Used(NamedTuple):
    """A pattern and the ways in which it is used."""

    pattern: re.Pattern[Any]
    methods: frozenset[str]


def compiled() -> dict[str, Used]:
    """Every pattern that a module holds, by itself or within its values."""
    called, patterns, methods = uses(), dict[str, re.Pattern[Any]](), dict[int, set[str]]()
    for module in modules():
        for name, value in vars(module).items():
            for field, pattern in within(value, name, 0):
                patterns.setdefault(f"{module.__name__}.{name}: {pattern.pattern!r:.60}", pattern)
                # Those of a collection are called by this name in the loop over it.
                label = field or f"{module.__name__}.pattern"
                methods.setdefault(id(pattern), set()).update(called.get(label, ()))
    found = {name: Used(pattern, frozenset(methods[id(pattern)]) or USES) for name, pattern in patterns.items()}
    for name, listed in {
        "ordinary": [bots._browser_words()],
        "named": bots._crawler_names()._few,
        "general": bots._crawler_words()._few,
    }.items():
        for pattern in listed:
            found[f"clickstream.enriching.bots.{name}: {pattern.pattern!r:.60}"] = Used(pattern, USES)
    return found


def within(value: object, name: str, depth: int) -> Iterator[tuple[str, re.Pattern[Any]]]:
    """Each pattern within a value, with the name of the variable or field that holds it; of a collection none."""
    if isinstance(value, re.Pattern):
        yield name, value
    elif depth < 4 and isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from within(item, "", depth + 1)
    elif depth < 4 and isinstance(value, dict):
        for item in value.values():
            yield from within(item, "", depth + 1)
    elif depth < 4 and is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from within(getattr(value, field.name, None), field.name, depth + 1)


def written() -> dict[str, Used]:
    """Every pattern that is written where it is used."""
    found: dict[str, Used] = {}
    for module, nodes in mentions():
        for node in nodes:
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in USES):
                continue
            if not (isinstance(node.func.value, ast.Name) and node.func.value.id == "re" and node.args):
                continue
            if isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                pattern = re.compile(node.args[0].value)
                name = f"{module.__name__}:{node.lineno}: {pattern.pattern!r:.60}"
                found[name] = Used(pattern, frozenset({node.func.attr}))
    return found


def searches() -> dict[str, Callable[[str], object]]:
    """Every search of Rust's that a module holds."""
    found: dict[str, Callable[[str], object]] = {}
    for module in modules():
        for name, value in vars(module).items():
            if getattr(value, "__qualname__", "") == "linear.<locals>.may_hold":
                found[f"{module.__name__}.{name}"] = value
    return found


PATTERNS = {**compiled(), **written()}
SEARCHES = searches()


def words_of(pattern: str) -> list[str]:
    """What the pattern's own letters spell, and single marks: what amplifies a pattern is mostly in it."""
    plain = re.sub(r"\\([^\w])", r"\1", re.sub(r"\\[a-zA-Z]", " ", pattern))
    return [word for word in re.findall(r"[A-Za-z]{2,}|://|%[0-9A-F]{2}", plain) if len(word) < 20] or ["x"]


def texts_for(name: str, pattern: str) -> Iterator[Callable[[int], str]]:
    """Makers of texts of a length. The same for one pattern at each run."""
    chance = random.Random(name)
    alphabet = [*words_of(pattern), *MARKS, *(mark for mark in pattern if not mark.isalnum())]

    def made(start: str, unit: str, end: str) -> Callable[[int], str]:
        return lambda length: (start + unit * length)[:length] + end

    for mark in dict.fromkeys(alphabet):
        yield made("", mark, chance.choice(["", "\n", "!", "\0"]))
    while True:
        unit = "".join(chance.choices(alphabet, k=chance.randint(1, 4)))
        start = "".join(chance.choices(alphabet, k=chance.randint(0, 3)))
        yield made(start, unit, chance.choice(["", "\n", "\nx", "!", "\0", " x"]))


def test_patterns_are_found_wherever_they_are_held() -> None:
    assert len(PATTERNS) > 80
    assert len(SEARCHES) > 3
    for module in ("privacy.patterns", "privacy.addresses", "erasing.naming", "enriching.arrivals", "querying.period"):
        assert any(name.startswith(f"clickstream.{module}.") for name in PATTERNS), module


@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_a_pattern_takes_linear_time_whatever_a_stranger_gives_it(name: str) -> None:
    pattern, methods = PATTERNS[name]
    source = pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")
    longest = next((most for module, most in LONGEST.items() if f".{module}" in name), LENGTHS[-1])

    def used(text: str) -> None:
        given: Any = text if isinstance(pattern.pattern, str) else text.encode("utf-8", "replace")
        if "match" in methods:
            pattern.match(given)
        if "fullmatch" in methods:
            pattern.fullmatch(given)
        if methods - FROM_THE_START:
            pattern.search(given)
            pattern.sub(given[:0], given)

    for text_of in islice(texts_for(name, source), TEXTS):
        check(name, used, text_of, longest)


@pytest.mark.parametrize("name", sorted(SEARCHES))
def test_a_search_of_rusts_takes_linear_time_whatever_a_stranger_gives_it(name: str) -> None:
    for text_of in islice(texts_for(name, "token password http://eyJ sk- Bearer key= email %40 1.2.3.4"), 4 * TEXTS):
        check(name, SEARCHES[name], text_of, LENGTHS[-1])


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"[\w$.-]+\s*[:=]", r".*(?:shop|x).*", r"\d+(?:\.\d+){4,}", r"(?:\s*,)*\s*;", r"a.*b.*c$"]
)
def test_a_pattern_that_is_not_linear_is_seen(pattern: str) -> None:
    compiled_pattern = re.compile(pattern)

    def used(text: str) -> None:
        compiled_pattern.fullmatch(text)
        compiled_pattern.search(text)

    def repeated(unit: str, end: str) -> Callable[[int], str]:
        return lambda length: (unit * length)[:length] + end

    units = {"a": "a", "[": "a", ".": "shop", "\\": "1", "(": " ,"}
    with pytest.raises(AssertionError):
        for unit in (units[pattern[0]], "a", "ab", " "):
            for end in ("!", "\nx", "\n"):
                check(pattern, used, repeated(unit, end), 4_096)


def all_of(around: Around) -> Callable[[str], object]:
    return lambda text: list(around.find(text))


def compositions() -> dict[str, tuple[str, Callable[[str], object]]]:
    """What is composed of several patterns, with the patterns' letters."""
    found: dict[str, tuple[str, Callable[[str], object]]] = {}
    for module in modules():
        for name, value in vars(module).items():
            if isinstance(value, Around):
                letters = " ".join(part.pattern for part in (value.before, value.sign, value.after))
                found[f"{module.__name__}.{name}"] = letters, all_of(value)
    for number, kind in enumerate(KINDS):
        found[f"clickstream.privacy.patterns.KINDS[{number}]"] = (kind.quick_look, kind.replaced)
    return found


COMPOSITIONS = compositions()
# Where what is after a sign is no match: what is before it must not be looked at again and again.
ENDLESS = (
    "%401.2.3.4",
    "@1.2.3.4",
    "&#64;a",
    "\\\\u0040a.",
    "://",
    "a://",
    "=",
    "a=",
    "a= ",
    ":\n",
    "a:",
    '"a": ',
    "%2540%",
)


@pytest.mark.parametrize("name", sorted(COMPOSITIONS))
def test_a_composition_of_patterns_takes_linear_time_whatever_a_stranger_gives_it(name: str) -> None:
    letters, work = COMPOSITIONS[name]

    def repeated(unit: str) -> Callable[[int], str]:
        return lambda length: (unit * length)[:length]

    for text_of in [*map(repeated, ENDLESS), *islice(texts_for(name, letters), 2 * TEXTS)]:
        check(name, work, text_of, LONG)


def test_a_composition_that_is_not_linear_is_seen() -> None:
    local, domain = re.compile(r"[\w.%]+"), re.compile(r"(?:[a-z]+\.)+[a-z]+")
    slow = Around(local, re.compile("%40"), domain)
    with pytest.raises(AssertionError):
        check("slow", lambda text: list(slow.find(text)), lambda length: ("%401.2" * length)[:length], LONG)


def test_searches_are_rusts() -> None:
    for name, search in SEARCHES.items():
        cells = [cell.cell_contents for cell in search.__closure__ or ()]
        [held] = [cell for cell in cells if isinstance(cell, list)]
        assert all(isinstance(each.__self__, SchemaValidator) for each in held), name
