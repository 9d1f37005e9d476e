"""The page on privacy says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from clickstream.privacy.minimising import DROPPED_OF_ANONYMOUS, KEPT_OF_DENIED
from clickstream.privacy.names import SECRET_NAMES, SECRET_PARAMETERS

DOCUMENT = (Path(__file__).parents[3] / "docs" / "privacy.md").read_text()


def names_after(line: str) -> set[str]:
    """The names in the paragraph that follows a line."""
    paragraph = DOCUMENT.split(f"{line}\n\n")[1].split("\n\n")[0]
    return set(re.findall(r"`(\w+)`", paragraph))


def test_every_redacted_name_is_documented_and_no_other() -> None:
    assert names_after("Names in documents and in addresses:") == SECRET_NAMES
    assert names_after("Names in addresses only, since elsewhere they are everyday words:") == (
        SECRET_PARAMETERS - SECRET_NAMES
    )


def test_what_each_level_of_consent_stores_is_documented() -> None:
    assert names_after("these columns are empty, except that `anonymous_id` holds the id of the day:") == (
        DROPPED_OF_ANONYMOUS
    )
    assert names_after("Denied, every column is empty but these:") == KEPT_OF_DENIED
