"""Whether two answers have the same groups and numbers."""

from __future__ import annotations

import pytest

from tests.integration.querying.plain_report import Groups


def agree(answer: Groups, expected: Groups) -> None:
    assert [dimensions for dimensions, _ in answer] == [dimensions for dimensions, _ in expected]
    for (_, numbers), (_, others) in zip(answer, expected, strict=True):
        assert numbers == [other if other is None else pytest.approx(other, rel=1e-9) for other in others]
