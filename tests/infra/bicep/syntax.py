"""From text to declarations. Takes the part of Bicep that the templates are written in, and refuses everything else."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

TYPES = ("string", "int", "bool", "object", "array")
_TOKEN = re.compile(
    r"(?P<comment>//[^\n]*)|(?P<newline>\n)|(?P<space>[ \t\r]+)|(?P<number>\d+)|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<op>==|!=|<=|>=|&&|\|\||\?\?|[-+*/%<>!?:.,=@()\[\]{}])|(?P<string>')"
)
_ESCAPE = {"n": "\n", "t": "\t", "r": "\r", "'": "'", "\\": "\\", "$": "$"}
_LEVELS = (("??",), ("||",), ("&&",), ("==", "!="), ("<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"))


class BicepError(Exception):
    """What the compiler would refuse; the message begins with file and line."""


@dataclass(frozen=True, slots=True)
class Node:
    """An expression. `kind` says what `value` and `parts` are."""

    kind: str
    line: int
    value: str | int | bool | None = None
    parts: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class Declaration:
    """One statement. `what` is targetScope, param, var, resource, module or output; `type` may be `Type@version`."""

    what: str
    name: str
    line: int
    type: str = ""
    body: Node | None = None
    existing: bool = False
    decorators: dict[str, tuple[Node, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    line: int
    parts: tuple[Node, ...] = ()


@lru_cache(256)
def parse(text: str, file: str) -> Sequence[Declaration]:
    """Raise BicepError for what is no Bicep, or none that we write."""
    return tuple(_Parser(_Tokens(text, file).all(), file).declarations())


class _Tokens:
    def __init__(self, text: str, file: str, line: int = 1) -> None:
        self._text, self._file, self._line, self._at = text, file, line, 0

    def all(self) -> list[_Token]:
        found = []
        while self._at < len(self._text):
            match = _TOKEN.match(self._text, self._at)
            if match is None:
                raise BicepError(f"{self._file}:{self._line}: {self._text[self._at]!r} begins nothing")
            kind = str(match.lastgroup)
            line, self._at = self._line, match.end()
            if kind == "string":
                found.append(_Token("string", "", line, self._string()))
            elif kind == "newline":
                found.append(_Token("newline", "\n", line))
                self._line += 1
            elif kind not in ("comment", "space"):
                found.append(_Token(kind, match.group(), line))
        return [*found, _Token("newline", "\n", self._line), _Token("end", "", self._line)]

    def _string(self) -> tuple[Node, ...]:
        """The parts of a string whose quote has been read: texts, and what is interpolated."""
        parts: list[Node] = []
        text = ""
        while True:
            if self._at >= len(self._text) or self._text[self._at] == "\n":
                raise BicepError(f"{self._file}:{self._line}: a string that does not end")
            sign = self._text[self._at]
            self._at += 1
            if sign == "'":
                return (*parts, Node("text", self._line, text))
            if sign == "\\":
                escaped = self._text[self._at]
                if escaped not in _ESCAPE:
                    raise BicepError(f"{self._file}:{self._line}: \\{escaped} is no escape")
                text += _ESCAPE[escaped]
                self._at += 1
            elif sign == "$" and self._text[self._at] == "{":
                end = self._closing()
                inner = _Tokens(self._text[self._at + 1 : end], self._file, self._line).all()
                parts += [Node("text", self._line, text), _Parser(inner, self._file).only_expression()]
                text, self._at = "", end + 1
            else:
                text += sign

    def _closing(self) -> int:
        depth, at, quoted = 0, self._at, False
        while at < len(self._text) and self._text[at] != "\n":
            sign = self._text[at]
            quoted ^= sign == "'"
            depth += 0 if quoted else (sign == "{") - (sign == "}")
            if depth == 0:
                return at
            at += 1
        raise BicepError(f"{self._file}:{self._line}: an interpolation that does not end")


class _Parser:
    def __init__(self, tokens: Sequence[_Token], file: str) -> None:
        self._tokens, self._file, self._at = tokens, file, 0

    def declarations(self) -> list[Declaration]:
        found: list[Declaration] = []
        self._skip_lines()
        while self._now.kind != "end":
            found.append(self._declaration())
            self._line_end()
        return found

    def only_expression(self) -> Node:
        node = self._expression()
        self._skip_lines()
        if self._now.kind != "end":
            raise self._unexpected()
        return node

    @property
    def _now(self) -> _Token:
        return self._tokens[self._at]

    def _unexpected(self) -> BicepError:
        return BicepError(f"{self._file}:{self._now.line}: {self._now.text.strip() or self._now.kind!r} is unexpected")

    def _take(self, text: str = "", kind: str = "") -> _Token:
        token = self._now
        if (text and (token.text != text or token.kind == "string")) or (kind and token.kind != kind):
            raise self._unexpected()
        self._at += 1
        return token

    def _is(self, *texts: str) -> bool:
        return self._now.kind in ("op", "name") and self._now.text in texts

    def _took(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _skip_lines(self) -> None:
        while self._now.kind == "newline":
            self._at += 1

    def _line_end(self) -> None:
        self._take(kind="newline")
        self._skip_lines()

    def _declaration(self) -> Declaration:
        decorators: dict[str, tuple[Node, ...]] = {}
        while self._took("@"):
            name = self._take(kind="name").text
            self._take("(")
            decorators[name] = self._items(")")
            self._line_end()
        line, what = self._now.line, self._take(kind="name").text
        if what == "targetScope":
            self._take("=")
            return Declaration(what, what, line, body=self._expression())
        if what not in ("param", "var", "resource", "module", "output"):
            raise BicepError(f"{self._file}:{line}: {what} begins no statement")
        name, type_, existing, body = self._take(kind="name").text, "", False, None
        if what in ("param", "output"):
            type_ = self._take(kind="name").text
            if type_ not in TYPES:
                raise BicepError(f"{self._file}:{line}: {type_} is none of {', '.join(TYPES)}")
        elif what in ("resource", "module"):
            type_ = _plain(self._take(kind="string"), self._file)
            existing = self._took("existing")
        if what != "param" or self._is("="):
            self._take("=")
            body = self._conditional() if what in ("resource", "module") else self._expression()
        return Declaration(what, name, line, type_, body, existing, decorators)

    def _conditional(self) -> Node:
        """The body of a resource or module: an object, behind a condition or for each of something."""
        line = self._now.line
        if self._took("if"):
            self._take("(")
            condition = self._expression()
            self._take(")")
            return Node("if", line, parts=(condition, self._object()))
        if self._is("["):
            node = self._array()
            if node.kind == "for":
                return node
        elif self._is("{"):
            return self._object()
        raise self._unexpected()

    def _expression(self) -> Node:
        line, condition = self._now.line, self._binary(0)
        if not self._took("?"):
            return condition
        self._skip_lines()
        then = self._expression()
        self._skip_lines()
        self._take(":")
        self._skip_lines()
        return Node("choice", line, parts=(condition, then, self._expression()))

    def _binary(self, level: int) -> Node:
        if level == len(_LEVELS):
            return self._unary()
        node = self._binary(level + 1)
        while self._is(*_LEVELS[level]):
            operator = self._take()
            node = Node("operation", operator.line, operator.text, (node, self._binary(level + 1)))
        return node

    def _unary(self) -> Node:
        if self._is("!", "-"):
            operator = self._take()
            return Node("operation", operator.line, operator.text, (self._unary(),))
        node = self._primary()
        while True:
            line = self._now.line
            if self._took("."):
                node = Node("member", line, self._take(kind="name").text, (node,))
            elif self._took("["):
                node = Node("subscript", line, parts=(node, self._expression()))
                self._take("]")
            else:
                return node

    def _primary(self) -> Node:
        token = self._now
        if self._is("{"):
            return self._object()
        if self._is("["):
            return self._array()
        self._at += 1
        if token.kind == "string":
            return Node("string", token.line, parts=token.parts)
        if token.kind == "number":
            return Node("literal", token.line, int(token.text))
        if token.text in ("true", "false", "null"):
            return Node("literal", token.line, {"true": True, "false": False, "null": None}[token.text])
        if token.text == "(":
            node = self._expression()
            self._take(")")
            return node
        if token.kind != "name":
            self._at -= 1
            raise self._unexpected()
        if self._took("("):
            return Node("call", token.line, token.text, self._items(")"))
        return Node("name", token.line, token.text)

    def _items(self, end: str) -> tuple[Node, ...]:
        """Expressions with commas, or in a list also line ends, between them."""
        items: list[Node] = []
        self._skip_lines()
        while not self._took(end):
            if items and end == ")" and not self._tokens[self._at - 1].text == ",":
                raise self._unexpected()
            items.append(self._expression())
            if not (self._took(",") or self._is(end) or self._now.kind == "newline"):
                raise self._unexpected()
            self._skip_lines()
        return tuple(items)

    def _array(self) -> Node:
        line = self._take("[").line
        if self._took("for"):
            names = [Node("loop", line, self._take(kind="name").text)] if not self._is("(") else self._loop_names(line)
            self._take("in")
            over = self._expression()
            self._take(":")
            body = self._conditional() if self._is("if") else self._expression()
            self._skip_lines()
            self._take("]")
            return Node("for", line, parts=(over, body, *names))
        return Node("array", line, parts=self._items("]"))

    def _loop_names(self, line: int) -> list[Node]:
        self._take("(")
        first = self._take(kind="name").text
        self._take(",")
        second = self._take(kind="name").text
        self._take(")")
        return [Node("loop", line, first), Node("loop", line, second)]

    def _object(self) -> Node:
        line = self._take("{").line
        parts: list[Node] = []
        seen: set[str] = set()
        self._skip_lines()
        while not self._took("}"):
            token = self._now
            self._at += 1
            if token.kind not in ("name", "string"):
                self._at -= 1
                raise self._unexpected()
            key = Node("string", token.line, parts=token.parts or (Node("text", token.line, token.text),))
            if len(key.parts) == 1:
                if (text := str(key.parts[0].value)) in seen:
                    raise BicepError(f"{self._file}:{token.line}: {text} is there twice")
                seen.add(text)
            self._take(":")
            parts.append(Node("property", token.line, parts=(key, self._expression())))
            if not (self._took(",") or self._is("}") or self._now.kind == "newline"):
                raise self._unexpected()
            self._skip_lines()
        return Node("object", line, parts=tuple(parts))


def _plain(token: _Token, file: str) -> str:
    if len(token.parts) != 1:
        raise BicepError(f"{file}:{token.line}: a type or path cannot be interpolated")
    return str(token.parts[0].value)
