"""docs/jobs.md and docs/notices.md have every option of jobs with its default, its meaning and a test that is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from clickstream.sites.alerts import Alert, Webhook
from clickstream.sites.document import parse_site
from clickstream.sites.exports import EventExport, Target
from clickstream.sites.imports import CsvImport, Source
from clickstream.sites.member_exports import MemberExport
from clickstream.sites.notices import MailTarget, Summary
from clickstream.sites.schedules import Schedule
from clickstream.sites.table_imports import SqlImport, TableSource

ROOT = Path(__file__).parents[3]
TEXT = "".join((ROOT / "docs" / page).read_text() for page in ("jobs.md", "notices.md"))
MODELS: tuple[type[BaseModel], ...] = (
    EventExport,
    MemberExport,
    Target,
    CsvImport,
    Source,
    SqlImport,
    TableSource,
    Schedule,
    Summary,
    MailTarget,
    Alert,
    Webhook,
)


def rows_of(model: type[BaseModel]) -> list[str]:
    """The first three cells of each option's row."""
    return [
        f"| `{field.alias or name}` | {default(field)} | {field.description} |"
        for name, field in model.model_fields.items()
    ]


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, bool):
        return f"`{value}`".lower()
    return f"`{value}`" if value else "none"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_option_is_documented_with_a_test_that_is_there(model: type[BaseModel]) -> None:
    lines = TEXT.splitlines()
    for row in rows_of(model):
        found = [line.removeprefix(row) for line in lines if line.startswith(row)]
        assert found, row
        for proof in found:
            named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proof)
            assert named, row
            for path, test in named:
                assert f"def {test}(" in (ROOT / path).read_text(), proof


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT)
    assert len(named) > 60
    assert [(path, test) for path, test in named if f"def {test}(" not in (ROOT / path).read_text()] == []


@pytest.mark.parametrize(("first", "rows"), [("job", 40), ("report", 28)])
def test_every_row_of_what_is_elsewhere_names_its_test(first: str, rows: int) -> None:
    table = re.search(rf"^\| {first} \|.*\| test \|\n\|[-|]+\n((?:\|.*\n)+)", TEXT, re.MULTILINE)
    assert table is not None
    lines = table[1].splitlines()
    assert len(lines) >= rows
    assert [line for line in lines if not re.search(r"\| `tests/[\w/]+\.py::\w+` \|$", line)] == []


def test_the_page_names_every_code_of_a_failure() -> None:
    sources = [
        path.read_text()
        for folder in ("jobs", "exporting", "importing", "notifying", "storage")
        for path in (ROOT / "clickstream" / folder).glob("*.py")
    ]
    codes = {code for text in sources for code in re.findall(r'Actor\.\w+,\s+"(\w+)"', text)}
    codes |= {code for text in sources for code in re.findall(r'Refused\(.*code="(\w+)"', text)}
    codes |= {code for text in sources for code in re.findall(r'raise Refused\(message, code="(\w+)"', text)}
    assert codes
    assert [code for code in codes if f"| `{code}` |" not in TEXT] == []


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))
def test_every_example_is_a_document(example: str) -> None:
    assert parse_site(example.encode(), expected="shop").jobs
