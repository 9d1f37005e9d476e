"""Jobs that export rows to files, in a site's document; those of events are here, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StringConstraints, field_validator, model_validator

from clickstream.problems import Place, refuse
from clickstream.sites.filter_lists import FilterList
from clickstream.sites.job_parts import AnyJob, Connection, Container, Stream, Strict, TimestampFormat, formatted
from clickstream.sites.limits import Few

TIMESTAMP = "{TIMESTAMP}"
# Azure's limit is 1,024 characters; the rest is for the number of a part and the extensions.
MAX_FILENAME = 900
EXTENSIONS = {"csv": ".csv", "ndjson": ".ndjson"}
COMPRESSED = {"none": (), "gzip": (".gz",), "zip": (".zip",)}
ENCRYPTED = ".pgp"
DEFAULT_TIMESTAMP_FORMAT = "yyyyMMddHHmmss"
DEFAULT_MAX_FILE_BYTES = 1_073_741_824
# The parts of a due time that must be in the name of a file, so that two runs of a schedule have two names.
NEEDED_TOKENS = {
    "hour": ("yyyy", "MM", "dd", "HH"),
    "day": ("yyyy", "MM", "dd"),
    "week": ("yyyy", "MM", "dd"),
    "month": ("yyyy", "MM"),
}
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=220, pattern=r"^[^\x00]+$")]


def _checked_filename(name: str) -> str:
    if name.count(TIMESTAMP) > 1:
        raise ValueError(f"names {TIMESTAMP} more than once")
    segments = name.lstrip("/").split("/")
    if any(ord(character) < 32 or character in '\\"' for character in name):
        raise ValueError("has a control character, a backslash or a quote")
    if any(segment in ("", "..") or segment[-1] in ". " for segment in segments):
        raise ValueError("has a folder or a name that is empty, `..`, or ends in a dot or a space")
    return name


def _is_public_key(text: str) -> str:
    """A cheap check; `plan` and each run look into the key."""
    if "PRIVATE KEY BLOCK" in text:
        raise ValueError("is a private key: revoke it, and give the public one")
    if not text.strip().startswith("-----BEGIN PGP PUBLIC KEY BLOCK-----"):
        raise ValueError("is no public key: it begins with -----BEGIN PGP PUBLIC KEY BLOCK-----")
    return text


PublicKeyText = Annotated[str, AfterValidator(_is_public_key)]


class Target(Strict):
    """The blob container that an export writes to."""

    connection: Connection = Field(
        description="Name of the connection: the app's settings CONNECTION_<NAME> say how to reach the account."
    )
    container: Container = Field(description="The container, which must exist.")
    filename: Annotated[
        str, StringConstraints(min_length=1, max_length=MAX_FILENAME), AfterValidator(_checked_filename)
    ] = Field(
        description="Name of the file, with folders; {TIMESTAMP} is the time for which the run was due. The extension "
        "is added."
    )
    timestamp_format: TimestampFormat = Field(
        default=DEFAULT_TIMESTAMP_FORMAT,
        description="Format of {TIMESTAMP}: yyyy, MM, dd, HH, mm, ss, with - _ . T between them.",
    )
    compress: Literal["none", "gzip", "zip"] = Field(default="none", description="Compression of the files.")
    pgp_keys: Annotated[tuple[PublicKeyText, ...], Few] = Field(
        default=(),
        description="Public keys of OpenPGP, as text, that the files are encrypted for; none: not encrypted.",
    )
    compress_first: StrictBool = Field(
        default=False,
        description="Whether encrypted files are compressed before; if not, after it, which hardly makes them smaller.",
    )
    max_file_bytes: Annotated[StrictInt, Field(ge=1, le=107_374_182_400)] = Field(
        default=DEFAULT_MAX_FILE_BYTES,
        description="Bytes of a file at which another one begins; a file has whole rows, so it is a little longer.",
    )


class Export(AnyJob):
    """Exports rows to files of a blob container."""

    to: Target = Field(description="Where the files go.")
    format: Literal["csv", "ndjson"] = Field(
        default="csv", description="Form of the files: CSV, or one JSON object a line."
    )
    headers: StrictBool = Field(default=True, description="Whether the first row of a CSV file has the names.")
    when_empty: Literal["write", "skip"] = Field(
        default="write", description="Whether a run without rows writes an empty file, or none."
    )
    erase_exports: Literal["keep", "delete"] = Field(
        default="keep", description="What an erasure does to all files that the job has written: keeps or deletes them."
    )
    spreadsheet_safe: StrictBool = Field(
        default=False, description="Whether text that a spreadsheet would run as a formula gets a ' before it."
    )

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        refuse(self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Place, str]]:
        if self.to.compress_first and not (self.to.pgp_keys and self.to.compress != "none"):
            yield ("to", "compress_first"), "needs `compress` and `pgp_keys`"
        if self.keep_updated is not None:
            if TIMESTAMP not in self.to.filename:
                yield ("to", "filename"), f"needs {TIMESTAMP}: each run writes a file of its own"
            needed = NEEDED_TOKENS[self.keep_updated.every]
            if missing := [token for token in needed if token not in self.to.timestamp_format]:
                yield (
                    ("to", "timestamp_format"),
                    f"needs {', '.join(missing)}: else two runs of every {self.keep_updated.every} have one name",
                )

    def path(self, due_at: datetime, zone: ZoneInfo, part: int = 1) -> str:
        """The path of a part of the run that was due at this moment; parts from the second on have their number.

        The times of an hourly job are UTC, because local hours repeat when clocks are set back.
        """
        hourly = self.keep_updated is not None and self.keep_updated.every == "hour"
        moment = due_at.astimezone(ZoneInfo("UTC") if hourly else zone)
        stem = self.to.filename.lstrip("/").replace(TIMESTAMP, formatted(moment, self.to.timestamp_format))
        for extension in reversed(self.extensions):
            stem = stem.removesuffix(extension)
        return stem + (f"-{part:04}" if part > 1 else "") + "".join(self.extensions)

    @property
    def connection(self) -> str:
        """The connection that the job uses."""
        return self.to.connection

    @property
    def extensions(self) -> Sequence[str]:
        """What the names of the files end in."""
        compressed, encrypted = COMPRESSED[self.to.compress], (ENCRYPTED,) if self.to.pgp_keys else ()
        outer = (*compressed, *encrypted) if self.to.compress_first else (*encrypted, *compressed)
        return (EXTENSIONS[self.format], *outer)


class EventExport(Export):
    """Exports events of the site to files of a blob container."""

    kind: ClassVar[str] = "export-events"

    export: Literal["events"] = Field(description="What is exported.")
    streams: Annotated[tuple[Stream, ...], Few] = Field(default=(), description="Streams of events; none: all.")
    fields: Annotated[tuple[FieldName, ...], Few] = Field(
        default=(),
        description="Columns of the table `events`, in this order; `properties.<name>` is one property. None: all.",
    )
    filters: FilterList = Field(
        default_factory=list, description="Conditions on an event, as in a query; each on the event by itself."
    )
    start_date: date | None = Field(default=None, description="First day of the events, in the job's time zone.")
    end_date: date | None = Field(default=None, description="Day before which the events end, itself left out.")

    @field_validator("filters")
    @classmethod
    def _look_at_one_event(cls, filters: list[Any]) -> list[Any]:
        from clickstream.filters.reader import FilterReader
        from clickstream.filters.tree import Comparison, HasDone, Presence, leaves

        for leaf in leaves(FilterReader(of_document=True).read(filters)):
            if isinstance(leaf, HasDone) or (
                isinstance(leaf, Comparison | Presence)
                and (leaf.of_visits or leaf.dimension.of_money or leaf.dimension.of_people)
            ):
                named = leaf.operator if isinstance(leaf, HasDone) else leaf.dimension.name
                raise ValueError(f"{named} needs more than the event by itself; use event: and time: dimensions")
        return filters

    def _problems(self) -> Iterator[tuple[Place, str]]:
        if self.start_date and self.end_date and self.start_date >= self.end_date:
            yield ("end_date",), "must be after the start date: it is itself left out"
        if len(set(self.fields)) < len(self.fields):
            yield ("fields",), "names a field twice"
        yield from super()._problems()
