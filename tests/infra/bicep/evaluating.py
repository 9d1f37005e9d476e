"""From declarations to the resources that a deployment would make, with every expression evaluated.

What only Azure knows, such as an identity's client id, becomes a `Runtime`: a text that says where it would come from.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.infra.bicep.functions import FUNCTIONS, LOADERS, SUBSCRIPTION
from tests.infra.bicep.syntax import BicepError, Declaration, Node, parse

_PYTHON = {"string": str, "int": int, "bool": bool, "object": dict, "array": list}
_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.floordiv,
    "%": operator.mod,
}


class Runtime(str):
    """A value that only a deployed resource has."""

    __slots__ = ()


@dataclass(eq=False, slots=True)
class Resource:
    """One resource of the deployment. `after` are the ids of those that must be there before it."""

    symbol: str
    type: str
    id: str
    name: str
    body: Mapping[str, Any]
    scope: str
    place: str
    existing: bool = False
    after: frozenset[str] = frozenset()

    @property
    def properties(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.body.get("properties", {})
        return found

    @property
    def kind(self) -> str:
        """The type without its version."""
        return self.type.split("@")[0]

    def __getitem__(self, name: str) -> Any:
        if name in ("id", "name"):
            return getattr(self, name)
        return _Unknown(f"{self.symbol}.{name}")


class _Unknown:
    """Members of a deployed resource, as deep as somebody asks."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __getitem__(self, name: str) -> _Unknown:
        return _Unknown(f"{self.path}.{name}")


@dataclass(slots=True)
class Module:
    """An evaluated module: what it deploys, nested modules included, and what it gives back."""

    resources: list[Resource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.outputs if name == "outputs" else None


def evaluate(file: Path, parameters: Mapping[str, Any], root: Path | None = None) -> Module:
    """Raise BicepError where the compiler or the deployment would refuse the template."""
    return _Template(file, parameters, SUBSCRIPTION, "", root or file.parent).evaluate()


class _Template:
    def __init__(self, file: Path, parameters: Mapping[str, Any], scope: str, path: str, root: Path) -> None:
        self._file, self._scope, self._path, self._root = file, scope, path, root
        self._place = str(file.relative_to(root.parent))
        declarations = parse(file.read_text(), self._place)
        self._outputs = [d for d in declarations if d.what == "output"]
        self._declared = {d.name: d for d in declarations if d.what not in ("output", "targetScope")}
        self._given = parameters
        self._made: dict[str, Any] = {}
        self._resources: list[Resource] = []
        self._tracked: list[set[str]] = [set()]
        self._under_way: list[str] = []

    def evaluate(self) -> Module:
        parameters = {d.name for d in self._declared.values() if d.what == "param"}
        if unknown := sorted(set(self._given) - parameters):
            raise BicepError(f"{self._place}: has no parameter {', '.join(unknown)}")
        module = Module(self._resources)
        for declaration in self._declared.values():
            if declaration.what in ("param", "var"):
                self._lookup(declaration.name, declaration.line)
            else:
                self._deployed(declaration)
        for declaration in self._outputs:
            assert declaration.body is not None
            value = self._value(declaration.body, {})
            self._check_type(declaration, value, "output")
            module.outputs[declaration.name] = value
        return module

    def _fail(self, line: int, message: str) -> BicepError:
        return BicepError(f"{self._place}:{line}: {message}")

    def _lookup(self, name: str, line: int) -> Any:
        declaration = self._declared.get(name)
        if declaration is None:
            raise self._fail(line, f"nothing is named {name}")
        if name in self._under_way:
            raise self._fail(line, f"{name} needs itself")
        if declaration.what in ("resource", "module"):
            made = self._deployed(declaration)
            if made is None:
                raise self._fail(line, f"{name} is asked for where it is not deployed")
            self._note(made)
            return made
        self._under_way.append(name)
        try:
            if declaration.what == "param":
                return self._parameter(declaration)
            assert declaration.body is not None
            return self._value(declaration.body, {})
        finally:
            self._under_way.pop()

    def _note(self, made: Any) -> None:
        """What is being evaluated needs what was made."""
        for each in made if isinstance(made, list) else [made]:
            if isinstance(each, Module):
                self._tracked[-1].update(resource.id for resource in each.resources)
            elif each.existing:
                self._tracked[-1].update(each.after)
            else:
                self._tracked[-1].add(each.id)

    def _parameter(self, declaration: Declaration) -> Any:
        if declaration.name in self._given:
            value = self._given[declaration.name]
        elif declaration.body is not None:
            value = self._value(declaration.body, {})
        else:
            raise self._fail(declaration.line, f"the parameter {declaration.name} is required")
        self._check_type(declaration, value, "parameter")
        bounds = {name: [self._value(item, {}) for item in items] for name, items in declaration.decorators.items()}
        told = {**bounds, "size": [len(value)] if isinstance(value, str | list) else [value]}
        if isinstance(value, Runtime):
            return value
        if "allowed" in bounds and value not in bounds["allowed"][0]:
            raise self._fail(declaration.line, f"{declaration.name} must be one of {bounds['allowed'][0]}, not {value}")
        for least, most in (("minValue", "maxValue"), ("minLength", "maxLength")):
            if least in bounds and told["size"][0] < bounds[least][0]:
                raise self._fail(declaration.line, f"{declaration.name} must be at least {bounds[least][0]}")
            if most in bounds and told["size"][0] > bounds[most][0]:
                raise self._fail(declaration.line, f"{declaration.name} must be at most {bounds[most][0]}")
        return value

    def _check_type(self, declaration: Declaration, value: Any, what: str) -> None:
        right = isinstance(value, _PYTHON[declaration.type]) and (declaration.type != "int" or value is not True)
        if isinstance(value, bool) and declaration.type == "int":
            right = False
        if not right:
            raise self._fail(declaration.line, f"the {what} {declaration.name} is no {declaration.type}: {value!r}")

    def _deployed(self, declaration: Declaration) -> Any:
        """The resource or module, a list of them for a loop, None where its condition does not hold."""
        if declaration.name in self._made:
            return self._made[declaration.name]
        if declaration.name in self._under_way:
            raise self._fail(declaration.line, f"{declaration.name} needs itself")
        self._under_way.append(declaration.name)
        assert declaration.body is not None
        try:
            made: Any
            if declaration.body.kind == "for":
                made = [self._one(declaration, body, names) for body, names in self._loop(declaration.body, {})]
            elif declaration.body.kind == "if":
                condition, body = declaration.body.parts
                made = self._one(declaration, body, {}) if self._value(condition, {}) else None
            else:
                made = self._one(declaration, declaration.body, {})
        finally:
            self._under_way.pop()
        self._made[declaration.name] = made
        return made

    def _one(self, declaration: Declaration, node: Node, names: Mapping[str, Any]) -> Resource | Module:
        self._tracked.append(set())
        body = dict(self._value(node, names))
        body.pop("dependsOn", None)
        parent, scope = body.pop("parent", None), body.pop("scope", None)
        after = frozenset(self._tracked.pop())
        if declaration.what == "module":
            return self._module(declaration, body, scope, after)
        kind = declaration.type.split("@")[0]
        if declaration.type.count("@") != 1:
            raise self._fail(declaration.line, f"{declaration.type} has no version")
        name = str(body.get("name", ""))
        if not name:
            raise self._fail(declaration.line, f"{declaration.name} has no name")
        where = scope.id if scope is not None else self._scope
        if parent is not None:
            if not kind.startswith(f"{parent.kind}/") or kind.count("/") != parent.kind.count("/") + 1:
                raise self._fail(declaration.line, f"{kind} is no child of {parent.kind}")
            id_ = f"{parent.id}/{kind.rsplit('/', 1)[1]}/{name}"
        elif len(kinds := kind.split("/")[1:]) != len(each := name.split("/")):
            raise self._fail(declaration.line, f"the name {name} has too few or too many parts for {kind}")
        elif kind == "Microsoft.Resources/resourceGroups":
            id_ = f"{where}/resourceGroups/{name}"
        else:
            pairs = "".join(f"/{type_}/{part}" for type_, part in zip(kinds, each, strict=True))
            id_ = f"{where}/providers/{kind.split('/')[0]}{pairs}"
        resource = Resource(
            f"{self._path}{declaration.name}", declaration.type, id_, name, body, where,
            f"{self._place}:{declaration.line}", declaration.existing, after,
        )  # fmt: skip
        if not declaration.existing:
            self._add(resource)
        return resource

    def _add(self, resource: Resource) -> None:
        if any(other.id == resource.id for other in self._resources):
            raise BicepError(f"{resource.place}: {resource.id} is there twice")
        self._resources.append(resource)

    def _module(
        self, declaration: Declaration, body: Mapping[str, Any], scope: Resource | None, after: frozenset[str]
    ) -> Module:
        if extra := sorted(set(body) - {"name", "params"}):
            raise self._fail(declaration.line, f"a module has no {', '.join(extra)}")
        file = self._file.parent / declaration.type
        if not file.is_file():
            raise self._fail(declaration.line, f"{declaration.type} is not there")
        inner = _Template(
            file, body.get("params", {}), scope.id if scope else self._scope, f"{declaration.name}/", self._root
        )
        module = inner.evaluate()
        for resource in module.resources:
            resource.after |= after
            self._add(resource)
        return module

    def _loop(self, node: Node, names: Mapping[str, Any]) -> Iterator[tuple[Node, Mapping[str, Any]]]:
        over, body, *loop = node.parts
        for position, item in enumerate(self._value(over, names)):
            inner = {**names, str(loop[0].value): item}
            if len(loop) == 2:
                inner[str(loop[1].value)] = position
            if body.kind == "if":
                condition, then = body.parts
                if self._value(condition, inner):
                    yield then, inner
            else:
                yield body, inner

    def _value(self, node: Node, names: Mapping[str, Any]) -> Any:
        match node.kind:
            case "literal" | "text":
                return node.value
            case "string":
                parts = [self._value(part, names) for part in node.parts]
                parts = [part for part in parts if part != ""]
                return parts[0] if len(parts) == 1 and isinstance(parts[0], str) else "".join(map(_text, parts))
            case "name":
                name = str(node.value)
                return names[name] if name in names else self._lookup(name, node.line)
            case "object":
                pairs = [[self._value(part, names) for part in each.parts] for each in node.parts]
                return dict(pairs)
            case "array":
                return [self._value(part, names) for part in node.parts]
            case "for":
                return [self._value(body, inner) for body, inner in self._loop(node, names)]
            case "choice":
                condition, then, other = node.parts
                return self._value(then if self._truth(condition, names) else other, names)
            case "operation":
                return self._operation(node, names)
            case "member" | "subscript":
                key = node.value if node.kind == "member" else self._value(node.parts[1], names)
                return self._member(self._value(node.parts[0], names), key, node)
            case "call":
                return self._call(node, names)
        raise self._fail(node.line, f"{node.kind} has no value here")

    def _truth(self, node: Node, names: Mapping[str, Any]) -> bool:
        value = self._value(node, names)
        if not isinstance(value, bool):
            raise self._fail(node.line, f"{value!r} is neither true nor false")
        return value

    def _operation(self, node: Node, names: Mapping[str, Any]) -> Any:
        if node.value == "!":
            return not self._truth(node.parts[0], names)
        if node.value == "-" and len(node.parts) == 1:
            return -self._value(node.parts[0], names)
        left, right = node.parts
        if node.value == "&&":
            return self._truth(left, names) and self._truth(right, names)
        if node.value == "||":
            return self._truth(left, names) or self._truth(right, names)
        if node.value == "??":
            found = self._value(left, names)
            return self._value(right, names) if found is None else found
        return _OPERATIONS[str(node.value)](self._value(left, names), self._value(right, names))

    def _member(self, value: Any, key: Any, node: Node) -> Any:
        try:
            found = value[key]
        except (KeyError, IndexError, TypeError):
            raise self._fail(node.line, f"there is no {key}") from None
        return Runtime(f"<{found.path}>") if isinstance(found, _Unknown) and _is_leaf(found) else found

    def _call(self, node: Node, names: Mapping[str, Any]) -> Any:
        name = str(node.value)
        arguments = [self._value(part, names) for part in node.parts]
        if name in LOADERS:
            file = self._file.parent / str(arguments[0])
            if not file.is_file():
                raise self._fail(node.line, f"{arguments[0]} is not there")
            return json.loads(file.read_text()) if name == "loadJsonContent" else file.read_text()
        if name not in FUNCTIONS:
            raise self._fail(node.line, f"{name} is no function that these templates call")
        try:
            return FUNCTIONS[name](*arguments)
        except (TypeError, AttributeError) as error:
            raise self._fail(node.line, f"{name}: {error}") from error


def _is_leaf(found: _Unknown) -> bool:
    """What is asked for below `properties` is a text, but for the one member that has members."""
    return ".properties." in found.path and not found.path.endswith(".primaryEndpoints")


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
