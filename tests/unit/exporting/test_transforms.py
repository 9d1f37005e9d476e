"""Every form of a file, undone by other programs' means, is the text that was written."""

from __future__ import annotations

import gzip
import io
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pytest
from pysequoia import Tsk, decrypt

from clickstream.exporting.parts import Part, PartWriter, content_type
from clickstream.exporting.transforms import Encryption
from clickstream.jobs.failing import JobFailed
from clickstream.sites.exports import EventExport
from clickstream.sites.pgp_keys import public_key
from tests.support.gnupg import gnupg

SECRET = Tsk.generate("Partner <partner@example.com>")
KEY = SECRET.extract_certificate()
LINES = [f"line {number} of the file, with some text" for number in range(60_000)]
TEXT = "".join(f"{line}\n" for line in LINES).encode()
FORMS = [
    ("none", False, False, ".ndjson", "application/x-ndjson"),
    ("gzip", False, False, ".ndjson.gz", "application/gzip"),
    ("zip", False, False, ".ndjson.zip", "application/zip"),
    ("none", True, False, ".ndjson.pgp", "application/pgp-encrypted"),
    ("gzip", True, False, ".ndjson.pgp.gz", "application/gzip"),
    ("zip", True, False, ".ndjson.pgp.zip", "application/zip"),
    ("gzip", True, True, ".ndjson.gz.pgp", "application/pgp-encrypted"),
    ("zip", True, True, ".ndjson.zip.pgp", "application/pgp-encrypted"),
]


class Blocks(dict[str, bytes]):
    """A container in memory."""

    def stage(self, path: str, block: str, data: BinaryIO) -> None:
        self[block] = data.read()


def job(compress: str, encrypts: bool, compress_first: bool, key: str = str(KEY)) -> EventExport:
    to: dict[str, Any] = {
        "connection": "partner",
        "container": "exports",
        "filename": "folder/x",
        "compress": compress,
        "pgp_keys": [key] if encrypts else [],
        "compress_first": compress_first,
    }
    return EventExport.model_validate({"name": "x", "export": "events", "format": "ndjson", "to": to})


def written(of: EventExport, path: str) -> tuple[Part, bytes]:
    blocks = Blocks()
    schema = pa.schema([("line", pa.string())])
    recipients = [public_key(text, datetime.now(UTC)).certificate for text in of.to.pgp_keys]
    writer = PartWriter(blocks, path, "run", 1, of, schema, ",", recipients)
    for start in range(0, len(LINES), 10_000):
        writer.write(pa.record_batch([pa.array(LINES[start : start + 10_000])], schema=schema))
    return writer.close(), b"".join(data for _, data in sorted(blocks.items()))


def by_libraries(data: bytes, extension: str) -> bytes:
    if extension == ".gz":
        return gzip.decompress(data)
    if extension == ".zip":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            (entry,) = archive.infolist()
            assert (entry.filename.startswith("x.ndjson"), entry.date_time[0]) == (True, 1980)
            return archive.read(entry)
    plain: bytes | None = decrypt(data, decryptor=SECRET.decryptor()).bytes
    assert plain is not None
    return plain


@pytest.mark.parametrize(("compress", "encrypts", "compress_first", "extensions", "kind"), FORMS)
def test_each_form_has_the_text(
    compress: str, encrypts: bool, compress_first: bool, extensions: str, kind: str
) -> None:
    of = job(compress, encrypts, compress_first)
    assert ("".join(of.extensions), content_type(of)) == (extensions, kind)
    part, data = written(of, f"folder/x{extensions}")
    assert (part.rows, part.bytes) == (len(LINES), len(data))
    for extension in reversed(of.extensions[1:]):
        data = by_libraries(data, extension)
    assert data == TEXT


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
@pytest.mark.parametrize(("compress", "compress_first"), [("none", False), ("gzip", False), ("zip", True)])
def test_gnupg_gzip_and_unzip_read_the_files(compress: str, compress_first: bool, tmp_path: Path) -> None:
    with gnupg(tmp_path) as partner:
        of = job(compress, True, compress_first, partner.public_key)
        _, data = written(of, "folder/x" + "".join(of.extensions))
        for extension in reversed(of.extensions[1:]):
            if extension == ".pgp":
                data = partner.decrypt(data)
            elif extension == ".gz":
                data = partner.run("gzip", "--decompress", data=data)
            else:
                (tmp_path / "x.zip").write_bytes(data)
                unzip = shutil.which("unzip")
                data = partner.run(unzip, "-p", str(tmp_path / "x.zip")) if unzip else by_libraries(data, ".zip")
        assert data == TEXT


def test_a_child_that_fails_fails_the_run_and_leaves_no_process() -> None:
    encryption = Encryption([b"no certificate"])
    with pytest.raises(JobFailed, match="files cannot be encrypted") as failed:
        for _ in range(1_000):
            encryption.write(TEXT)
    assert failed.value.code == "encryption_failed"
    encryption.abandon()
    other = Encryption([bytes(KEY)])
    other.write(TEXT)
    other.abandon()
    assert (encryption._child.poll() is None, other._child.poll() is None) == (False, False)
