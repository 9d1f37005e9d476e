"""Add an entry to a list of a site's stored document, by the same plan and the same versions as `apply`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from clickstream.errors import Conflict, InvalidRequest, InvalidSite
from clickstream.problems import parse_body
from clickstream.sites.planning import EditableSiteDocuments, apply_change, make_plan
from clickstream.sites.yaml_text import read_yaml
from clickstream.storage.site_documents import PREFIX, SUFFIX

MAX_BODY_BYTES = 65_536
INVALID = "invalid_definition"


class Addition(BaseModel):
    """What to add to a site's document."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    site_id: str
    kind: Literal["goals", "funnels", "segments", "annotations"] = Field(description="The part of the document.")
    definition: dict[str, Any] = Field(description="The new entry, as in the document: see docs/sites.md.")
    version: Annotated[str, StringConstraints(max_length=200)] | None = Field(
        default=None, description="The version of a dry run, which the document must still have. Required to apply."
    )
    dry_run: StrictBool = Field(default=True, description="Whether only to answer what would change.")


def parse_addition(body: bytes) -> Addition:
    """Parse the body of `POST /api/definitions`. Raise InvalidRequest, RequestTooLarge."""
    return parse_body(body, Addition, MAX_BODY_BYTES, INVALID)


def add(addition: Addition, documents: EditableSiteDocuments, *, allow_short_keys: bool) -> Mapping[str, Any]:
    """The plan of the addition, which is applied unless it is a dry run.

    Raise InvalidRequest with every problem that the document would have, Conflict if the document has another version,
    Unavailable.
    """
    if not addition.dry_run and addition.version is None:
        raise InvalidRequest("/version: apply the version of a dry run", code=INVALID, pointer="/version")
    site = addition.site_id
    stored = documents.fetch(f"{PREFIX}{site}{SUFFIX}")
    if addition.version is not None and addition.version != stored.version:
        raise Conflict("the document has changed; look at the plan again")
    try:
        text = added_text(stored.text, addition.kind, addition.definition)
        plan = make_plan({site: text}, documents, PREFIX, delete=False, allow_short_keys=allow_short_keys)
    except InvalidSite as error:
        raise InvalidRequest("; ".join(error.problems), code=INVALID, pointer="/definition") from error
    # The text was made of this version, whatever the plan has read since.
    changes = [replace(change, stored=stored) for change in plan.changes if change.site == site]
    if not addition.dry_run:
        for change in changes:
            apply_change(change, documents)
    fields = [asdict(field) for change in changes for field in change.fields]
    return {"applied": not addition.dry_run, "version": stored.version, "changes": fields}


def added_text(text: bytes, kind: str, definition: Mapping[str, Any]) -> bytes:
    """The document with one more entry at the end of a list; everything else stays as it is written.

    Raise InvalidSite if the document is not YAML, or if its list is written in a way that cannot be extended.
    """
    before = read_yaml(text)
    source = text.decode()
    root = yaml.compose(source, yaml.SafeLoader)
    lists = [value for key, value in root.value if key.value == kind] if isinstance(root, yaml.MappingNode) else []
    entry = yaml.safe_dump(dict(definition), default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**6)
    changed = _inserted(source, kind, lists[0] if lists else None, entry.strip()).encode()
    after = read_yaml(changed)
    if after != {**before, kind: [*(before.get(kind) or []), definition]}:
        raise InvalidSite([f"/{kind}: is written in a way that cannot be extended here; add the entry by hand"])
    return changed


def _inserted(source: str, kind: str, value: yaml.Node | None, entry: str) -> str:
    if value is None:
        return f"{source}{'' if source.endswith(chr(10)) else chr(10)}{kind}:\n- {entry}\n"
    if isinstance(value, yaml.SequenceNode) and value.flow_style:
        end = value.end_mark.index - 1
        return f"{source[:end]}{', ' if value.value else ''}{entry}{source[end:]}"
    indent = value.start_mark.column if isinstance(value, yaml.SequenceNode) else 0
    end = _end(value)
    if source[end - 1] != "\n":  # go on after the comment of the last line
        line = source.find("\n", end)
        source, end = (f"{source}\n", len(source) + 1) if line < 0 else (source, line + 1)
    return f"{source[:end]}{' ' * indent}- {entry}\n{source[end:]}"


def _end(node: yaml.Node) -> int:
    """Where the last text of the node ends. The end of a block itself is where the next token begins."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(node, yaml.MappingNode) else last)
    index: int = node.end_mark.index
    return index
