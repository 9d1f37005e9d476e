"""What can be said of a template without evaluating it: names that nothing uses, and ways on which a secret leaves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.infra.bicep.syntax import Declaration, Node, parse


def problems(infra: Path) -> Iterator[str]:
    """Of every template of the folder."""
    for file in sorted([*infra.glob("*.bicep"), *infra.glob("modules/*.bicep")]):
        place = str(file.relative_to(infra.parent))
        declared = parse(file.read_text(), place)
        yield from _unused(declared, place)
        yield from _undeclared(declared, place)
        yield from _leaks(declared, place, file.parent)


def _unused(declared: Sequence[Declaration], place: str) -> Iterator[str]:
    used = {node.value for each in declared if each.body for node in each.body.walk() if node.kind == "name"}
    for each in declared:
        if each.name not in used and (each.what in ("param", "var") or each.existing):
            yield f"{place}:{each.line}: nothing uses {each.name}"


def _undeclared(declared: Sequence[Declaration], place: str) -> Iterator[str]:
    """Also in branches that no set of parameters takes."""
    names = {each.name for each in declared if each.what not in ("output", "targetScope")}
    for each in declared:
        if each.body is not None:
            for node in _free_names(each.body, frozenset()):
                if node.value not in names:
                    yield f"{place}:{node.line}: nothing is named {node.value}"


def _free_names(node: Node, bound: frozenset[object]) -> Iterator[Node]:
    if node.kind == "name" and node.value not in bound:
        yield node
    if node.kind == "for":
        bound |= {part.value for part in node.parts[2:]}
    for part in node.parts:
        yield from _free_names(part, bound)


def _leaks(declared: Sequence[Declaration], place: str, folder: Path) -> Iterator[str]:
    secrets = {each.name for each in declared if "secure" in each.decorators}
    for each in declared:  # a variable stands below what it is made of
        if each.what == "var" and each.body is not None and _names(each.body) & secrets:
            secrets.add(each.name)
    for each in declared:
        if each.body is None or not _names(each.body) & secrets:
            continue
        if each.what == "output":
            yield f"{place}:{each.line}: the output {each.name} tells a secret"
        if each.what == "module":
            secure = {d.name for d in parse((folder / each.type).read_text(), each.type) if "secure" in d.decorators}
            for name, value in _parameters(each.body).items():
                if _names(value) & secrets and name not in secure:
                    yield f"{place}:{value.line}: {name} of {each.type} takes a secret and is not marked @secure()"


def _names(node: Node) -> set[object]:
    return {each.value for each in node.walk() if each.kind == "name"}


def _parameters(body: Node) -> Mapping[str, Node]:
    for each in body.walk():
        if each.kind == "property" and each.parts[0].parts[0].value == "params":
            return {str(p.parts[0].parts[0].value): p.parts[1] for p in each.parts[1].parts}
    return {}
