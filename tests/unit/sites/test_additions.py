"""A definition is added to a document's text, and nothing else in it changes."""

from __future__ import annotations

import pytest
import yaml

from clickstream.errors import InvalidSite
from clickstream.sites.additions import added_text

NEW = {"name": "New: it's \u00fc \U0001f600 \u202e", "filters": [["is", "event:page", ["/a, b", "# no comment"]]]}
HEAD = "site: shop\nkeys:\n- {kind: public, key: k}\n"


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        HEAD.rstrip("\n"),
        f"{HEAD}segments: []\n",
        f"{HEAD}segments: [{{name: a, filters: []}}]  # some\ngoals: []\n",
        f"{HEAD}segments:\n- name: a\n  filters: []\n",
        f"{HEAD}segments:\n  # first\n  - name: a\n    filters: [[is, x]]   # last\n  # between\n\ngoals: [] # end\n",
        f"{HEAD}segments:\n  - name: |\n      a\n      b\ngoals: []\n",
        f'{HEAD}segments:\n- filters:\n  - - is\n    - x\n    - - "y"',
        f"{HEAD}segments:  # none yet\ngoals: []\n",
        f"\ufeff{HEAD}segments:\r\n- name: a\r\n  filters: []\r\n",
        f"segments:\n    - {{name: a}}\n{HEAD}",
    ],
)
def test_an_entry_is_added_at_the_end_of_its_list(text: str) -> None:
    changed = added_text(text.encode(), "segments", NEW).decode()
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    assert after == {**before, "segments": [*(before.get("segments") or []), NEW]}
    # Every line stays, comments included, except one in which the list itself ends.
    lines = changed.splitlines()
    assert sum(line not in lines for line in text.splitlines()) <= ("segments: [" in text)


@pytest.mark.parametrize(
    "text",
    ["segments: ~\n", "segments: {a: 1}\n", "x: &a [1]\nsegments: *a\n", "{site: shop}\n", "segments: [1,]\n", "[]\n"],
)
def test_a_list_that_cannot_be_extended_is_refused(text: str) -> None:
    with pytest.raises(InvalidSite, match=r"segments|mapping|YAML"):
        added_text(text.encode(), "segments", NEW)
