"""The spill: blobs in Capture's Avro form, in a container of their own, until the compactor has taken them in.

A blob's path is `{hub}/{yyyy}/{mm}/{dd}/{hh}/{uuid}.avro`, by the UTC hour of its writing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from clickstream.compacting.files import CaptureFile, HubPartition
from clickstream.delivery.message import Message
from clickstream.errors import Unavailable

if TYPE_CHECKING:
    from obstore.store import AzureStore

    from clickstream.compacting.decode import Content

PARTITION = "spill"
PARALLEL_READS = 16
# The schema that Capture writes, with its container's codec.
CODEC = "null"
SCHEMA = {
    "type": "record",
    "name": "EventData",
    "namespace": "Microsoft.ServiceBus.Messaging",
    "fields": [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": {"type": "map", "values": ["long", "double", "string", "bytes"]}},
        {"name": "Properties", "type": {"type": "map", "values": ["long", "double", "string", "bytes", "null"]}},
        {"name": "Body", "type": ["null", "bytes"]},
    ],
}
_NAME = re.compile(r"(?P<hub>[^/]+)/(\d{4})/(\d\d)/(\d\d)/(\d\d)/[0-9a-f-]{36}\.avro")


def encode_spill(messages: Sequence[Message], at: datetime) -> bytes:
    """A whole Avro file; a message's number is its index in it."""
    import fastavro

    enqueued_ms = int(at.timestamp() * 1000)
    half = "AM" if at.hour < 12 else "PM"
    enqueued_text = f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at.minute:02}:{at.second:02} {half}"
    records = [
        {
            "SequenceNumber": number,
            "Offset": str(number),
            "EnqueuedTimeUtc": enqueued_text,
            "SystemProperties": {"x-opt-enqueued-time": enqueued_ms},
            "Properties": message.properties,
            "Body": message.body,
        }
        for number, message in enumerate(messages)
    ]
    file = BytesIO()
    fastavro.writer(file, _parsed_schema(), records, codec=CODEC)
    return file.getvalue()


@lru_cache(maxsize=1)
def _parsed_schema() -> Any:
    import fastavro

    return fastavro.parse_schema(SCHEMA)


def parse_spill_name(path: str, size_bytes: int) -> CaptureFile | None:
    """The blob of a path, as a captured file of the partition `spill`; None for any other path."""
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    try:
        hour = datetime(*(int(part) for part in found.groups()[1:]), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return CaptureFile(path, HubPartition(PARTITION, found["hub"], PARTITION), hour, size_bytes)


class SpillFiles:
    """Writes spilled messages, and gives them to the compactor."""

    def __init__(self, container: AzureStore) -> None:
        self._container = container

    async def write(self, hub: str, messages: Sequence[Message], at: datetime) -> str:
        """Store the messages as one new blob. Returns its path. Raise Unavailable when storage does not take it.

        The name is new, so a blob that is there already is this one, of a try whose answer was lost. Storage is not
        believed unseen: a container that is being deleted refuses in the same way.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        path = f"{hub}/{at:%Y/%m/%d/%H}/{uuid4()}.avro"
        try:
            # In one request however large: an upload in parts cannot be create-only.
            await obstore.put_async(
                self._container, path, encode_spill(messages, at), mode="create", use_multipart=False
            )
        except (AlreadyExistsError, PreconditionError):
            await self._find(path)
        except (BaseError, OSError) as error:
            raise Unavailable(f"the spill cannot be written: {error}") from error
        return path

    async def _find(self, path: str) -> None:
        import obstore
        from obstore.exceptions import BaseError

        try:
            await obstore.head_async(self._container, path)
        except (BaseError, OSError) as error:
            raise Unavailable(f"the spill has no {path}: {error}") from error

    async def check(self, hub: str) -> None:
        """Return when the container can be read. Raise Unavailable. Writes nothing."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            async for _ in obstore.list(self._container, f"{hub}/", chunk_size=1):
                return
        except (BaseError, OSError) as error:
            raise Unavailable(f"the spill cannot be reached: {error}") from error

    def list(self, hub: str) -> Sequence[CaptureFile]:
        """The hub's blobs that wait, oldest hour first. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        try:
            found = [
                parse_spill_name(blob["path"], blob["size"])
                for blobs in obstore.list(self._container, f"{hub}/")
                for blob in blobs
            ]
        except (BaseError, OSError) as error:
            if "ContainerNotFound" in str(error):
                return []
            raise Unavailable(f"the spill cannot be listed: {error}") from error
        return sorted((file for file in found if file is not None), key=lambda file: file.path)

    def read(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        """The blobs and their bytes, but for those that another compactor has taken in meanwhile. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        def read_one(file: CaptureFile) -> Content | None:
            try:
                return memoryview(obstore.get(self._container, file.path).bytes())
            except FileNotFoundError:
                return None

        try:
            with ThreadPoolExecutor(PARALLEL_READS) as pool:
                contents = list(pool.map(read_one, files))
        except (BaseError, OSError) as error:
            raise Unavailable(f"a spilled blob cannot be read: {error}") from error
        return [(file, data) for file, data in zip(files, contents, strict=True) if data is not None]

    def delete(self, files: Sequence[CaptureFile]) -> None:
        """Delete blobs whose events are committed. Raise Unavailable."""
        import obstore
        from obstore.exceptions import BaseError

        def delete_one(file: CaptureFile) -> None:
            with contextlib.suppress(FileNotFoundError):  # another compactor was quicker
                obstore.delete(self._container, file.path)

        try:
            with ThreadPoolExecutor(PARALLEL_READS) as pool:
                list(pool.map(delete_one, files))
        except (BaseError, OSError) as error:
            raise Unavailable(f"a spilled blob cannot be deleted: {error}") from error
