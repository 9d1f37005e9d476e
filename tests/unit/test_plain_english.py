"""Pages, docstrings and comments avoid phrases of a private language; CONTRIBUTING.md states the rule."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Each phrase, and what to write in its place.
BANNED = {
    "told": "named, reported, sent, distinguished, ...: say which",
    "tells? of": "reports, describes, lists",
    "of who": "of visitors who, of the client that",
    "of whom": "whose, for which",
    "stands? (?:in|under|over)": "is in, replaces, is listed under",
    "held (?:to|against)": "compared with, limited to",
    "holds? (?:\\S+ ){1,3}against": "compares with",
    "but for": "except, unless",
    "bears?": "has, carries",
    "says? of": "states about, counts",
    "nobody's": "without an owner, of no known visitor",
}
PHRASES = re.compile("|".join(rf"\b{phrase}\b" for phrase in BANNED).replace(" ", r"\s+"), re.IGNORECASE)

# Every page, and the packages or modules that are clean. A folder joins the list when its last hit is gone.
PAGES = ("*.md", "docs/*.md", "docs/decisions/*.md", "tracker/*.md")
PACKAGES = (
    "benchmarks",
    "clickstream/*.py",
    "clickstream/capture",
    "clickstream/collecting",
    "clickstream/compacting",
    "clickstream/delivery",
    "clickstream/enriching",
    "clickstream/erasing",
    "clickstream/filters",
    "clickstream/maintaining",
    "clickstream/model",
    "clickstream/privacy",
    "clickstream/querying",
    "clickstream/replaying",
    "clickstream/sites",
    "clickstream/storage",
    "clickstream/table",
    "distributed",
    "functions",
    "infra",
    "local",
    "tests/e2e",
    "tests/functional",
    "tests/integration/capture",
    "tests/integration/compacting",
    "tests/integration/delivery",
    "tests/integration/event_hubs",
    "tests/integration/functions_host",
    "tests/integration/maintaining",
    "tests/integration/storage",
    "tests/integration/table",
    "tests/support",
    "tests/unit/capture",
    "tests/unit/collecting",
    "tests/unit/compacting",
    "tests/unit/delivery",
    "tests/unit/demo",
    "tests/unit/event_hubs",
    "tests/unit/functions_host",
    "tests/unit/maintaining",
    "tests/unit/model",
    "tests/unit/privacy",
    "tests/unit/sites",
    "tests/unit/table",
)
SCRIPTS = ("dashboard/*.mjs", "dashboard/src/**/*", "dashboard/tests/*", "tracker/*.mjs", "tracker/src/*")
SCRIPT_SUFFIXES = {".ts", ".tsx", ".mjs", ".css"}

# Names that fit every value, and the packages without them. A name is a noun of the field: `statistics`, `rows`.
VAGUE = re.compile("_?(?:told|found|asked|stated|made|kept)")
NOUN_PACKAGES = (
    "benchmarks",
    "clickstream/*.py",
    "clickstream/capture",
    "clickstream/collecting",
    "clickstream/compacting",
    "clickstream/delivery",
    "clickstream/maintaining",
    "clickstream/model",
    "clickstream/privacy",
    "clickstream/sites",
    "clickstream/storage",
    "clickstream/table",
    "distributed",
    "functions",
    "local",
    "tests/integration/capture",
    "tests/integration/compacting",
    "tests/integration/delivery",
    "tests/integration/maintaining",
    "tests/integration/storage",
    "tests/integration/table",
    "tests/unit/capture",
    "tests/unit/compacting",
    "tests/unit/delivery",
    "tests/unit/maintaining",
    "tests/unit/model",
    "tests/unit/table",
)


def prose_of_page(text: str) -> str:
    """The page with its code blanked out, line for line."""
    blank = re.sub(r"^```.*?^```", lambda block: "\n" * block[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "``", blank)


def prose_of_source(text: str) -> str:
    """The docstrings and comments of a module on their own lines, without code between backticks; all else is blank."""
    lines = [""] * (text.count("\n") + 2)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            lines[token.start[0]] = token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is not None:
            docstring = node.body[0]
            for number, line in enumerate(text.splitlines()[docstring.lineno - 1 : docstring.end_lineno]):
                lines[docstring.lineno + number] = line
    return re.sub(r"`[^`\n]*`", "``", "\n".join(lines[1:]))


def prose_of_template(text: str) -> str:
    """The comments and descriptions of a Bicep file on their own lines; all else is blank."""
    found = (re.search(r"(?:^|\s)// (.*)|@description\('(.*)'\)", line) for line in text.splitlines())
    return "\n".join((match[1] or match[2]) if match else "" for match in found)


def prose_of_script(text: str) -> str:
    """The comments of a script or style sheet on their own lines, without code between backticks; all else is blank."""
    lines = [""] * (text.count("\n") + 1)
    for comment in re.finditer(r"(?:^|(?<=\s))//.*$|/\*.*?\*/", text, re.MULTILINE | re.DOTALL):
        first = text.count("\n", 0, comment.start())
        for number, line in enumerate(comment[0].splitlines()):
            lines[first + number] = line.strip("/* ")
    return re.sub(r"`[^`\n]*`", "``", "\n".join(lines))


def hits(prose: str) -> Iterator[tuple[int, str]]:
    """Line number and phrase of each banned phrase, also of one that is broken over two lines."""
    for match in PHRASES.finditer(prose):
        yield prose.count("\n", 0, match.start()) + 1, " ".join(match[0].split())


def vague_names(text: str) -> Iterator[tuple[int, str]]:
    """Line number and name of each use of a vague name in a module."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME and VAGUE.fullmatch(token.string):
            yield token.start[0], token.string


def pages() -> list[Path]:
    return sorted({path for pattern in PAGES for path in ROOT.glob(pattern)})


def modules(packages: Iterable[str] = PACKAGES) -> list[Path]:
    patterns = [package if package.endswith(".py") else f"{package}/**/*.py" for package in packages]
    paths = {path for pattern in patterns for path in ROOT.glob(pattern)}
    return sorted(path for path in paths if "node_modules" not in path.parts)


def scripts() -> list[Path]:
    paths = {path for pattern in SCRIPTS for path in ROOT.glob(pattern)}
    return sorted(path for path in paths if path.suffix in SCRIPT_SUFFIXES)


@pytest.mark.parametrize("path", pages(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_page_is_in_plain_english(path: Path) -> None:
    assert list(hits(prose_of_page(path.read_text()))) == []


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_docstrings_and_comments_are_in_plain_english(path: Path) -> None:
    assert list(hits(prose_of_source(path.read_text()))) == []


@pytest.mark.parametrize("path", modules(NOUN_PACKAGES), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_nouns_of_the_field(path: Path) -> None:
    assert list(vague_names(path.read_text())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "infra").rglob("*.bicep")), ids=lambda path: path.name)
def test_comments_and_descriptions_of_a_template_are_in_plain_english(path: Path) -> None:
    assert list(hits(prose_of_template(path.read_text()))) == []


@pytest.mark.parametrize("path", scripts(), ids=lambda path: str(path.relative_to(ROOT)))
def test_comments_of_scripts_are_in_plain_english(path: Path) -> None:
    assert list(hits(prose_of_script(path.read_text()))) == []


def test_every_listed_folder_has_modules() -> None:
    assert [pattern for pattern in SCRIPTS if not list(ROOT.glob(pattern))] == []
    assert [package for package in (*PACKAGES, *NOUN_PACKAGES) if not modules([package])] == []


@pytest.mark.parametrize(
    "phrase",
    [
        "told", "tells of", "tell of", "of who", "of whom", "stands in", "stand under", "stands over", "held to",
        "held against", "holds the columns against", "but for", "bears", "bear", "But\nfor",
        "says of", "say of", "nobody's",
    ],
)  # fmt: skip
def test_a_banned_phrase_is_seen_in_pages_docstrings_and_comments(phrase: str) -> None:
    seen = [" ".join(phrase.split())]
    assert [found for _, found in hits(prose_of_page(f"A page.\n\nIt {phrase} it.\n"))] == seen
    assert [found for _, found in hits(prose_of_source(f'"""It {phrase} it."""\n'))] == seen
    assert [found for _, found in hits(prose_of_source(f'def f() -> None:\n    """It {phrase} it."""\n'))] == seen
    comment = "\n".join(f"    # {line}" for line in f"It {phrase} it.".split("\n"))
    assert [found for _, found in hits(prose_of_source(f"def f() -> None:\n{comment}\n    return\n"))] == seen
    line = "\n".join(f"  // {line}" for line in f"It {phrase} it.".split("\n"))
    assert [found for _, found in hits(prose_of_script(f"const a = 1;\n{line}\n"))] == seen
    assert [found for _, found in hits(prose_of_script(f"/** It {phrase} it. */\nconst a = 1;\n"))] == seen


def test_a_hit_has_the_number_of_its_line() -> None:
    assert list(hits(prose_of_page("# A\n\n```\ntold\n```\nIt is told.\n"))) == [(6, "told")]
    assert list(hits(prose_of_source('"""A."""\n\nx = 1  # told\n'))) == [(3, "told")]
    assert list(hits(prose_of_script("/**\n * It is told.\n */\nlet x; // told\n"))) == [(2, "told"), (4, "told")]


def test_a_banned_phrase_is_seen_in_comments_and_descriptions_of_templates() -> None:
    assert list(hits(prose_of_template("var told = 'told'\nvar x = 1 // told\n"))) == [(2, "told")]
    assert list(hits(prose_of_template("@description('It is told.')\nparam told string\n"))) == [(1, "told")]


def test_a_vague_name_is_seen_wherever_it_is_used() -> None:
    assert list(vague_names("told = 1\n\n\ndef f(found: int) -> None:\n    self._kept = found.made\n")) == [
        (1, "told"),
        (4, "found"),
        (5, "_kept"),
        (5, "found"),
        (5, "made"),
    ]
    assert list(vague_names("founder = 'told'  # found\n")) == []


def test_code_is_not_prose() -> None:
    assert list(hits(prose_of_page("The column `told` and\n\n```python\ntold = 1\n```\n"))) == []
    assert list(hits(prose_of_source('told = "told"\n'))) == []
    assert list(hits(prose_of_script('const told = "https://told"; // `told`\n'))) == []
    assert list(hits(prose_of_source('"""The column `told`."""\n'))) == []
    assert list(hits(prose_of_source("x = 'a bearer of bearings, of whole folders, untold'  # Bearer\n"))) == []
