"""Compares a folder of sites' documents with those in force, and puts the difference in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from clickstream.errors import InvalidSite
from clickstream.sites.document import DIGEST, Key, KeyKind, Site, parse_site

if TYPE_CHECKING:
    from clickstream.lake.site_documents import StoredDocument

SUFFIX = ".yaml"
SHOWN_DIGITS = 8
SHAREABLE = (KeyKind.READ, KeyKind.ADMIN)


class EditableSiteDocuments(Protocol):
    """Where the documents in force are kept."""

    def versions(self) -> Mapping[str, str]:
        """Path of every document -> its version. Raise Unavailable."""

    def fetch(self, path: str) -> StoredDocument:
        """The document and its version. Raise Unavailable."""

    def write(self, path: str, text: bytes, version: str | None) -> str:
        """Replace `version`, or make it new. Raise Conflict, Unavailable."""

    def delete(self, path: str, document: StoredDocument) -> None:
        """Remove it if it is still so. Raise Conflict, Unavailable."""


class Kind(StrEnum):
    """What becomes of one site."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field of a document. Values are JSON; None where there is none, which means the default."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One site that differs. `fields` is empty where only comments or the order differ."""

    kind: Kind
    site: str
    fields: tuple[FieldChange, ...]
    path: str
    text: bytes
    stored: StoredDocument | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that would change, in the order of sites' names."""

    changes: tuple[Change, ...]
    unchanged: tuple[str, ...]


def read_folder(folder: Path) -> dict[str, bytes]:
    """Site -> text of `<site>.yaml`. Raise InvalidSite where the folder holds none, or a file that would be missed."""
    if not folder.is_dir():
        raise InvalidSite([f"{folder}: is no folder"])
    problems = [f"{path}: rename it to {path.stem}.yaml" for path in sorted(folder.glob("*.yml"))]
    texts = {path.stem: path.read_bytes() for path in sorted(folder.glob(f"*{SUFFIX}"))}
    if not texts and not problems:
        problems.append(f"{folder}: holds no document, {SUFFIX}")
    if problems:
        raise InvalidSite(problems)
    return texts


def make_plan(texts: Mapping[str, bytes], documents: EditableSiteDocuments, prefix: str, *, delete: bool) -> Plan:
    """What must change so that the documents in force are `texts`. Sites that are in force alone are kept by `apply`
    unless `delete`, but always shown.

    Raise InvalidSite with every problem of every document, Unavailable.
    """
    sites = read_sites(texts)
    paths = [path for path in documents.versions() if path.startswith(prefix)]
    stored = {path.removeprefix(prefix).removesuffix(SUFFIX): documents.fetch(path) for path in paths}
    before = {name: _readable(item.text, name) for name, item in stored.items()}
    staying = {} if delete else {name: site for name, site in before.items() if name not in sites and site is not None}
    if problems := key_problems([*sites.values(), *staying.values()]):
        raise InvalidSite(problems)
    changes: list[Change] = []
    for name in sorted(sites.keys() | stored.keys()):
        old = stored.get(name)
        text = texts.get(name, b"")
        if name in texts and old is not None and old.text == text:
            continue
        kind = Kind.ADDED if old is None else Kind.CHANGED if name in texts else Kind.REMOVED
        fields = () if kind is Kind.REMOVED else tuple(_differences(before.get(name), sites[name]))
        changes.append(Change(kind, name, fields, f"{prefix}{name}{SUFFIX}", text, old))
    differing = {change.site for change in changes}
    return Plan(tuple(changes), tuple(name for name in sorted(sites) if name not in differing))


def apply_change(change: Change, documents: EditableSiteDocuments) -> None:
    """Put one change in force, if nobody changed the document since the plan. Raise Conflict, Unavailable."""
    if change.kind is Kind.REMOVED:
        assert change.stored is not None, "what is removed was read"
        documents.delete(change.path, change.stored)
    else:
        documents.write(change.path, change.text, change.stored.version if change.stored else None)


def read_sites(texts: Mapping[str, bytes]) -> dict[str, Site]:
    """Every site. Raise InvalidSite with all problems of all documents, and of the sites with one another."""
    sites: dict[str, Site] = {}
    problems: list[str] = []
    for name, text in texts.items():
        try:
            sites[name] = parse_site(text, expected=name)
        except InvalidSite as error:
            problems.extend(f"{name}{SUFFIX}: {problem}" for problem in error.problems)
    problems.extend(key_problems(list(sites.values())))
    if problems:
        raise InvalidSite(problems)
    return sites


def key_problems(sites: Sequence[Site]) -> list[str]:
    """A key opens one site in one way; only one that writes nothing may open several sites, in the same way each."""
    owners: dict[bytes, tuple[str, Key]] = {}
    problems: list[str] = []
    for site in sites:
        for index, key in enumerate(site.keys):
            owner, other = owners.setdefault(key.digest, (site.site, key))
            shared = key.kind is other.kind and key.kind in SHAREABLE
            if owner != site.site and not shared:
                place = f"{site.site}{SUFFIX}: /keys/{index}/key"
                problems.append(f"{place}: is a key of kind {other.kind} of the site {owner} too")
    return problems


def _readable(text: bytes, name: str) -> Site | None:
    """What stands in force may be older than the rules, or broken; then all of it is replaced."""
    try:
        return parse_site(text, expected=name)
    except InvalidSite:
        return None


def _differences(before: Site | None, after: Site) -> Iterator[FieldChange]:
    old, new = (dict(_fields(site)) if site is not None else {} for site in (before, after))
    for name in [*new, *(name for name in old if name not in new)]:
        if old.get(name) != new.get(name):
            yield FieldChange(name, old.get(name), new.get(name))


def _fields(site: Site) -> Iterator[tuple[str, str]]:
    """Every field that is not its default, by a name that stays the same when lists are put in another order."""
    document = site.model_dump(mode="json", exclude_defaults=True, exclude={"site", "keys"})
    for key in site.keys:
        yield f"keys/{key.kind}/{_shown(key)}", "true"
    events = document.pop("events", {})
    for definition in events.pop("definitions", ()):
        name = f"events/definitions/{definition.pop('name')}@{definition.pop('version', '1')}"
        yield name, "{}"
        yield from _leaves(definition, name)
    yield from _leaves(events, "events")
    yield from _leaves(document, "")


def _leaves(value: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    for key, item in value.items():
        place = f"{name}/{key}".removeprefix("/")
        if isinstance(item, dict) and item:
            yield from _leaves(item, place)
        else:
            yield place, orjson.dumps(item).decode()


def _shown(key: Key) -> str:
    """Enough of a secret key's digest to tell it from others; a public key as it is."""
    if key.kind is KeyKind.PUBLIC:
        return key.key
    return f"{DIGEST}{key.digest.hex()[:SHOWN_DIGITS]}..."
