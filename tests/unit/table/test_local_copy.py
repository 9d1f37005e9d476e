import tempfile
from itertools import pairwise

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from clickstream.table.local_copy import CLOSE_BYTES, PIECE_BYTES, copy, ranges_of

ROWS = 40_000


def written() -> pa.Buffer:
    """A file of two row groups with a long column between others, some with dictionaries, one nested."""
    columns = {
        "few": pa.array([f"value {number % 7}" for number in range(ROWS)]),
        "long": pa.array([f"{number:0100x}" for number in range(ROWS)]),
        "nothing": pa.nulls(ROWS, pa.string()),
        "nested": pa.array([{"a": [number]} for number in range(ROWS)]),
    }
    target = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), target, row_group_size=ROWS // 2, compression="none", use_dictionary=["few"])
    return target.getvalue()


@pytest.mark.parametrize("columns", [["few"], ["nothing", "few"], ["nested", "few"], ["few", "long", "nothing"]])
def test_columns_of_a_row_group_are_read_from_their_copy(columns: list[str]) -> None:
    content = written()
    whole = pq.ParquetFile(content)
    for group in range(2):
        ranges = ranges_of(whole.metadata.row_group(group), columns)
        assert all(after - end > CLOSE_BYTES for (_, end), (after, _) in pairwise(ranges))
        with tempfile.NamedTemporaryFile() as local:
            copy(pa.BufferReader(content), local, ranges)
            with pq.ParquetFile(local.name, metadata=whole.metadata) as copied:
                assert copied.read_row_group(group, columns).equals(whole.read_row_group(group, columns))
    assert len(ranges_of(whole.metadata.row_group(0), ["few", "nothing"])) == 2, "the long column is not read"


def test_a_copy_is_whole_or_an_error() -> None:
    content = bytes(range(256)) * (2 * PIECE_BYTES // 256 + 1)
    with tempfile.TemporaryFile() as target:
        copy(pa.BufferReader(content), target, [(7, 2 * PIECE_BYTES + 9), (2 * PIECE_BYTES + 20, len(content))])
        target.seek(0)
        copied = target.read()
        with pytest.raises(OSError, match="before"):
            copy(pa.BufferReader(content), target, [(len(content) - 1, len(content) + 1)])
    assert copied[7 : 2 * PIECE_BYTES + 9] == content[7 : 2 * PIECE_BYTES + 9]
    assert copied[2 * PIECE_BYTES + 20 :] == content[2 * PIECE_BYTES + 20 :]
    assert copied[:7] == bytes(7)
    assert len(copied) == len(content)
