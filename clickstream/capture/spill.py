"""The spill: blobs in Capture's Avro format, in a container of their own, until the compactor has read them.

A blob's path is `{hub}/{yyyy}/{mm}/{dd}/{hh}/{uuid}.avro`, by the UTC hour when it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from clickstream.capture.names import CaptureFile, HubPartition
from clickstream.errors import Conflict, Unavailable
from clickstream.model.message import Message
from clickstream.storage.blobs import Container

if TYPE_CHECKING:
    from clickstream.capture.decode import Content

PARTITION = "spill"
EPOCH, MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)
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


@dataclass(frozen=True, slots=True)
class Record:
    """One message in a file of Capture's format."""

    number: int
    enqueued_at: datetime
    body: bytes
    properties: Mapping[str, str] = field(default_factory=dict)


def encode_spill(messages: Sequence[Message], at: datetime) -> bytes:
    """The messages as an Avro file; a message's number is its index in it."""
    return encode_records(
        Record(number, at, message.body, message.properties) for number, message in enumerate(messages)
    )


def encode_records(records: Iterable[Record]) -> bytes:
    """The records as an Avro file. Times have millisecond precision, as in Capture."""
    import fastavro

    file = BytesIO()
    fastavro.writer(file, _parsed_schema(), map(_as_captured, records), codec=CODEC)
    return file.getvalue()


def _as_captured(record: Record) -> Mapping[str, Any]:
    at = record.enqueued_at
    half = "AM" if at.hour < 12 else "PM"
    return {
        "SequenceNumber": record.number,
        "Offset": str(record.number),
        "EnqueuedTimeUtc": f"{at.month}/{at.day}/{at.year} {at.hour % 12 or 12}:{at.minute:02}:{at.second:02} {half}",
        "SystemProperties": {"x-opt-enqueued-time": (at - EPOCH) // MILLISECOND},
        "Properties": record.properties,
        "Body": record.body,
    }


@lru_cache(maxsize=1)
def _parsed_schema() -> Any:
    import fastavro

    return fastavro.parse_schema(SCHEMA)


def parse_spill_name(path: str, size_bytes: int) -> CaptureFile | None:
    """The spilled blob of a path, as a captured file of the partition `spill`; None for any other path."""
    match = _NAME.fullmatch(path)
    if match is None:
        return None
    try:
        hour = datetime(*(int(part) for part in match.groups()[1:]), tzinfo=UTC)  # type: ignore[arg-type,misc]
    except ValueError:
        return None
    return CaptureFile(path, HubPartition(PARTITION, match["hub"], PARTITION), hour, size_bytes)


class SpillFiles:
    """Writes spilled messages, and lists, reads and deletes them for the compactor."""

    def __init__(self, container: Container) -> None:
        self._container = container

    async def write(self, hub: str, messages: Sequence[Message], at: datetime) -> str:
        """Store the messages as one new blob. Returns its path. Raise Unavailable if storage does not store it.

        The name is new, so a blob that already exists is this one, from a retry whose first answer was lost. This
        checks that it exists, because a container that is being deleted refuses in the same way.
        """
        path = f"{hub}/{at:%Y/%m/%d/%H}/{uuid4()}.avro"
        try:
            await self._container.create_async(path, encode_spill(messages, at))
        except Conflict as error:
            if not await self._container.exists_async(path):
                raise Unavailable(f"the spill has no {path}") from error
        return path

    def put(self, hub: str, name: UUID, messages: Sequence[Message], at: datetime) -> None:
        """Store the messages as the blob of this name, as often as it is called. Raise Unavailable."""
        self._container.write(f"{hub}/{at:%Y/%m/%d/%H}/{name}.avro", encode_spill(messages, at))

    async def check(self, hub: str) -> None:
        """Return if the container can be read, else raise Unavailable. Writes nothing."""
        await self._container.check_async(f"{hub}/")

    def list(self, hub: str) -> Sequence[CaptureFile]:
        """The hub's waiting blobs, oldest hour first. Raise Unavailable."""
        files = (parse_spill_name(blob.path, blob.size_bytes) for blob in self._container.list(f"{hub}/"))
        return [file for file in files if file is not None]

    def has(self, path: str) -> bool:
        """Whether the blob still waits. Raise Unavailable."""
        return self._container.exists(path)

    def read(self, files: Sequence[CaptureFile]) -> Sequence[tuple[CaptureFile, Content]]:
        """The blobs and their bytes, except blobs that another compactor has deleted meanwhile. Raise Unavailable."""
        contents = self._container.fetch({file.path: file.size_bytes for file in files})
        return [(file, content) for file in files if (content := contents[file.path]) is not None]

    def delete(self, files: Sequence[CaptureFile]) -> None:
        """Delete blobs whose events are committed; another compactor may delete one first. Raise Unavailable."""
        self._container.delete_all([file.path for file in files])
