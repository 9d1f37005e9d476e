import pyarrow as pa

from clickstream.table.piecewise import PIECE_BYTES, Piecewise


def test_a_read_is_the_same_in_pieces_and_ends_at_the_end_of_the_file() -> None:
    content = bytes(range(256)) * (2 * PIECE_BYTES // 256 + 1)
    file = Piecewise(pa.BufferReader(content))

    file.seek(7)
    assert file.read(2 * PIECE_BYTES) == content[7 : 2 * PIECE_BYTES + 7]
    assert file.tell() == 2 * PIECE_BYTES + 7
    assert file.read(PIECE_BYTES) == content[2 * PIECE_BYTES + 7 :]
    assert file.read(1) == b""
    assert file.seek(-1, 2) == len(content) - 1
    assert file.read(9) == content[-1:]
