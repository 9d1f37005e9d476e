"""Compares a folder of sites' documents with those in force, and applies the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from clickstream.errors import InvalidSite
from clickstream.sites.document import DIGEST, Key, KeyKind, Site, parse_site
from clickstream.sites.exports import EventExport, Export
from clickstream.sites.keys import key_problems, short_key_problems

if TYPE_CHECKING:
    from clickstream.storage.site_documents import StoredDocument

SUFFIX = ".yaml"
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
SHOWN_DIGITS = 8


class EditableSiteDocuments(Protocol):
    """The store of the documents in force."""

    def versions(self) -> Mapping[str, str]:
        """Path of every document -> its version. Raise Unavailable."""

    def fetch(self, path: str) -> StoredDocument:
        """The document and its version. Raise Unavailable."""

    def write(self, path: str, text: bytes, version: str | None) -> str:
        """Replace `version`, or create the document if that is None. Raise Conflict, Unavailable."""

    def delete(self, path: str, document: StoredDocument) -> None:
        """Delete the document. Raise Conflict if it has changed since it was read, Unavailable."""


class Kind(StrEnum):
    """How one site changes."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a document that changes. Values are JSON; None if the field is missing, which means the default."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One site that changes.

    `fields` is empty if only comments or the order differ. `problems` are those of the stored document, which is then
    not in force.
    """

    kind: Kind
    site: str
    fields: tuple[FieldChange, ...]
    path: str
    text: bytes
    stored: StoredDocument | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, sorted by the sites' names."""

    changes: tuple[Change, ...]
    unchanged: tuple[str, ...]


def read_folder(folder: Path) -> dict[str, bytes]:
    """Site -> text of `<site>.yaml`. Raise InvalidSite if the folder holds none, or one with the ending `.yml`."""
    if not folder.is_dir():
        raise InvalidSite([f"{folder}: is no folder"])
    problems = [f"{path}: rename it to {path.stem}.yaml" for path in sorted(folder.glob("*.yml"))]
    texts = {path.stem: path.read_bytes() for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if not texts and not problems:
        problems.append(f"{folder}: holds no document, {SUFFIX}")
    if problems:
        raise InvalidSite(problems)
    return texts


def make_plan(
    texts: Mapping[str, bytes],
    documents: EditableSiteDocuments,
    prefix: str,
    *,
    delete: bool,
    allow_short_keys: bool = False,
) -> Plan:
    """The changes that put `texts` in force.

    Sites in force that are not in `texts` are always part of the plan, but `apply` removes them only with `delete`.
    Raise InvalidSite with every problem of every document, Unavailable.
    """
    sites = read_sites(texts)
    paths = [path for path in documents.versions() if path.startswith(prefix)]
    stored = {path.removeprefix(prefix).removesuffix(SUFFIX): documents.fetch(path) for path in paths}
    before, broken = _readable(stored)
    staying = {} if delete else {name: site for name, site in before.items() if name not in sites}
    problems = key_problems([*sites.values(), *staying.values()])
    if not allow_short_keys:
        problems += short_key_problems(sites.values())
    if problems:
        raise InvalidSite(list(_lines(problems)))
    changes: list[Change] = []
    for name in sorted(sites.keys() | stored.keys()):
        old = stored.get(name)
        text = texts.get(name, b"")
        if name in texts and old is not None and old.text == text:
            continue
        kind = Kind.ADDED if old is None else Kind.CHANGED if name in texts else Kind.REMOVED
        fields = () if kind is Kind.REMOVED else tuple(_differences(before.get(name), sites[name]))
        changes.append(Change(kind, name, fields, f"{prefix}{name}{SUFFIX}", text, old, broken.get(name, ())))
    differing = {change.site for change in changes}
    return Plan(tuple(changes), tuple(name for name in sorted(sites) if name not in differing))


def apply_change(change: Change, documents: EditableSiteDocuments) -> None:
    """Apply one change. Raise Conflict if the document was changed since the plan, Unavailable."""
    if change.kind is Kind.REMOVED:
        assert change.stored is not None, "what is removed was read"
        documents.delete(change.path, change.stored)
    else:
        documents.write(change.path, change.text, change.stored.version if change.stored else None)


def read_sites(texts: Mapping[str, bytes]) -> dict[str, Site]:
    """Parse every site. Raise InvalidSite with all problems of all documents, and of keys shared between them."""
    sites: dict[str, Site] = {}
    problems: list[str] = []
    for name, text in texts.items():
        try:
            sites[name] = parse_site(text, expected=name)
        except InvalidSite as error:
            problems.extend(f"{name}{SUFFIX}: {problem}" for problem in error.problems)
    problems.extend(_lines(key_problems(sites.values())))
    problems.extend(_lines(_job_problems(sites.values())))
    if problems:
        raise InvalidSite(problems)
    return sites


def _lines(problems: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"{site}{SUFFIX}: {problem}" for site, problem in problems)


def _job_problems(sites: Iterable[Site]) -> Iterator[tuple[str, str]]:
    """What only `plan` and `apply` look for in jobs: fields that no event has, and keys that cannot encrypt."""
    for site in sites:
        for index, job in enumerate(site.jobs):
            if isinstance(job, EventExport) and job.fields:
                from clickstream.model.event_fields import field_problems

                for place, problem in field_problems(job.fields):
                    yield site.site, f"/jobs/{index}/fields/{place}: {problem}"
            for place, text in enumerate(job.to.pgp_keys if isinstance(job, Export) else ()):
                from clickstream.sites.pgp_keys import UnusableKey, public_key

                try:
                    public_key(text, LONG_AGO)  # `plan` shows when keys expire, but does not fail for it
                except UnusableKey as error:
                    yield site.site, f"/jobs/{index}/to/pgp_keys/{place}: {error}"


def _readable(stored: Mapping[str, StoredDocument]) -> tuple[dict[str, Site], dict[str, tuple[str, ...]]]:
    """The stored sites, and the problems of documents that cannot be parsed; those are replaced as a whole."""
    sites: dict[str, Site] = {}
    broken: dict[str, tuple[str, ...]] = {}
    for name, document in stored.items():
        try:
            sites[name] = parse_site(document.text, expected=name)
        except InvalidSite as error:
            broken[name] = error.problems
    return sites, broken


def _differences(before: Site | None, after: Site) -> Iterator[FieldChange]:
    old, new = (dict(_fields(site)) if site is not None else {} for site in (before, after))
    for name in [*new, *(name for name in old if name not in new)]:
        if old.get(name) != new.get(name):
            yield FieldChange(name, old.get(name), new.get(name))


def _fields(site: Site) -> Iterator[tuple[str, str]]:
    """Every field that is not the default: a name that does not depend on the order of lists, and the JSON value."""
    document = site.model_dump(mode="json", exclude_defaults=True, exclude={"site", "keys", "audiences"})
    for key in site.keys:
        yield f"keys/{key.kind}/{_shown(key)}", "true"
        if key.stream is not None:
            yield f"keys/{key.kind}/{_shown(key)}/stream", orjson.dumps(key.stream).decode()
    events = document.pop("events", {})
    for definition in events.pop("definitions", ()):
        name = f"events/definitions/{definition.pop('name')}@{definition.pop('version', '1')}"
        yield name, "{}"
        yield from _leaves(definition, name)
    yield from _leaves(events, "events")
    document.pop("jobs", None)
    for job in site.jobs:
        fields = job.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name"})
        yield f"jobs/{job.name}", "{}"
        yield from _leaves(fields, f"jobs/{job.name}")
    for audience in site.audiences:
        # The models of conditions are parsed one by one, so pydantic does not know them here.
        fields = audience.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"slug"}, warnings=False)
        yield f"audiences/{audience.slug}", "{}"
        for name, value in fields.items():
            yield f"audiences/{audience.slug}/{name}", orjson.dumps(value).decode()
    yield from _leaves(document, "")


def _leaves(value: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    for key, item in value.items():
        place = f"{name}/{key}".removeprefix("/")
        if isinstance(item, dict) and item:
            yield from _leaves(item, place)
        else:
            yield place, orjson.dumps(item).decode()


def _shown(key: Key) -> str:
    """The first digits of a secret key's digest, enough to distinguish it; a public key as it is."""
    if key.kind is KeyKind.PUBLIC:
        return key.key
    return f"{DIGEST}{key.digest.hex()[:SHOWN_DIGITS]}..."
