"""Parses a site's YAML document, after checking its size without building it."""

from __future__ import annotations

from typing import Any

import yaml

from clickstream.errors import InvalidSite
from clickstream.sites.limits import MAX_DEPTH, MAX_NODES, MAX_SCALAR_CHARACTERS
from clickstream.storage.site_documents import MAX_DOCUMENT_BYTES


class _Loader(yaml.CSafeLoader):
    """A YAML loader for which a repeated key is an error, so that no setting is silently lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} is given twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def read_yaml(text: bytes) -> Any:
    """The parsed value. Raise InvalidSite for text that is not YAML or exceeds a limit of documents."""
    if len(text) > MAX_DOCUMENT_BYTES:
        raise InvalidSite([f"a document has at most {MAX_DOCUMENT_BYTES} bytes"])
    try:
        _measure(text)
        return yaml.load(text, _Loader)
    except InvalidSite:
        raise
    except Exception as error:  # a wrong tag or number makes the parser raise various types
        raise InvalidSite([f"not YAML: {' '.join(str(error).split()) or type(error).__name__}"]) from None


def _measure(text: bytes) -> None:
    """Count the document's nodes without building it. An alias counts as all nodes of its anchor.

    Raise InvalidSite beyond a limit.
    """
    nodes = 0
    sizes: dict[str | None, int] = {}
    enclosing: list[tuple[str | None, int]] = []
    for event in yaml.parse(text, yaml.CSafeLoader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise InvalidSite([f"{_place(event)}: *{event.anchor} refers to what holds it, or to nothing"])
            nodes += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            if len(event.value) > MAX_SCALAR_CHARACTERS:
                raise InvalidSite([f"{_place(event)}: a text has at most {MAX_SCALAR_CHARACTERS} characters"])
            nodes += 1
            sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionStartEvent):
            enclosing.append((event.anchor, nodes))
            nodes += 1
            if len(enclosing) > MAX_DEPTH:
                raise InvalidSite([f"{_place(event)}: nested deeper than {MAX_DEPTH} levels"])
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = enclosing.pop()
            sizes[anchor] = nodes - before
        if nodes > MAX_NODES:
            raise InvalidSite([f"{_place(event)}: a document has at most {MAX_NODES} values, aliases written out"])


def _place(event: yaml.Event) -> str:
    return f"line {event.start_mark.line + 1}" if event.start_mark is not None else "document"
