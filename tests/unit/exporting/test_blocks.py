"""Files of any size that a document may ask for fit in the blocks that Azure takes: 50,000, with ids of one length."""

from __future__ import annotations

import base64
from typing import Any

from annotated_types import Le

from clickstream.exporting.parts import BLOCK_BYTES, block_id
from clickstream.sites.exports import Target

AZURE_BLOCKS, AZURE_ID_BYTES = 50_000, 64
RUN = "018f0000-0000-7000-8000-000000000001"
# A batch of rows is written whole, however long they are.
ONE_BATCH = 4 * 2**30


def largest_file() -> int:
    metadata: list[Any] = Target.model_fields["max_file_bytes"].metadata
    (bound,) = [item.le for item in metadata if isinstance(item, Le)]
    assert isinstance(bound, int)
    return bound


def test_the_largest_file_has_fewer_blocks_than_azure_takes() -> None:
    assert 5 * 2**30 < largest_file() < largest_file() + ONE_BATCH <= AZURE_BLOCKS * BLOCK_BYTES


def test_ids_of_blocks_have_one_length_and_differ_between_attempts() -> None:
    found = [block_id(RUN, attempt, index) for attempt in (1, 2, 99_999) for index in (0, 1, AZURE_BLOCKS - 1)]
    assert len(set(found)) == len(found)
    assert found == sorted(found)
    assert {len(base64.b64encode(name.encode())) for name in found} == {60}
    assert {len(name) for name in found} == {43} and max(map(len, found)) <= AZURE_ID_BYTES
