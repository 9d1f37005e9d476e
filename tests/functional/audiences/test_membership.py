"""Members of audiences and their next change, compared with plain Python over random histories and conditions."""

from __future__ import annotations

import os
from random import Random

import pytest

from tests.functional.audiences.random_members import AUDIENCES, PERSONS, Prepared, differences, world_of

# How many memberships the comparison checks, each at a moment of its own world.
CHECKS = int(os.environ.get("MEMBERS", "6000"))
# The only one of the first two hundred in which activity within a grace renews a score.
A_SCORE_WITHIN_A_GRACE = 60


@pytest.mark.parametrize("seed", sorted({*range(max(1, CHECKS // (PERSONS * AUDIENCES))), A_SCORE_WITHIN_A_GRACE}))
def test_members_and_their_next_change_are_those_of_plain_python(seed: int) -> None:
    assert differences(Prepared.of(world_of(Random(seed)))) == []
