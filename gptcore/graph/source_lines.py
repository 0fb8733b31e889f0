"""Find the lines of a file that make a tensor, by parsing its text; it is never imported, so no torch is needed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

FILE = "gptcore/model.py"
ROOT = Path(__file__).resolve().parents[2]
"""The folder that the package lies in: names of files begin there."""


class Source(NamedTuple):
    """The lines that make a tensor: a file of the repo, and the first and last line, counted from 1, both included."""

    file: str
    lines: tuple[int, int]

    def __str__(self) -> str:
        """Return it as people read it.

        >>> str(Source("gptcore/model.py", (3, 5)))
        'gptcore/model.py · lines 3-5'
        """
        first, last = self.lines
        return f"{self.file} · " + (f"line {first}" if first == last else f"lines {first}-{last}")


class Where(NamedTuple):
    """A description of lines in a function. `find` looks there for the last ...

    - `call`: statement that calls `text`, such as `self.ln_1`;
    - `assign`: statement that assigns to the name `text`;
    - `argument`: argument called `text`;
    - `loop`: `for` over something with `text` in it;
    - `branch`: `if` whose branches call `text`;
    - `use`: statement that reads `text`, up to the end of its block;
    - `body`: statement of the function, from its first one behind the docstring; `text` is "".
    """

    function: str
    find: Literal["call", "assign", "argument", "loop", "branch", "use", "body"]
    text: str
    file: str = FILE


@cache
def find(where: Where) -> Source:
    """Return the lines that `where` describes, in a file of this very package.

    Raises:
        LookupError: the file holds no such thing (it was changed, and the table that describes it was not).

    >>> find(Where("MLP.forward", "call", "self.gelu")).file
    'gptcore/model.py'
    """
    function = _functions(where.file).get(where.function)
    found = list(_FINDERS[where.find](function, where.text)) if function else []
    if not found:
        raise LookupError(
            f"{where.file} should hold a {where.find} of {where.text!r} in {where.function}, and does not; "
            f"bring the table that says so, in gptcore/graph/, up to date with it"
        )
    return Source(where.file, found[-1])


def whole(file: str) -> Source:
    """Return all lines of a file.

    >>> whole("gptcore/model.py").lines[0]
    1
    """
    return Source(file, (1, len(text(file).splitlines())))


@cache
def text(file: str = FILE) -> str:
    """Return the whole of a file, such as "gptcore/model.py"."""
    return (ROOT / file).read_text(encoding="utf-8")


@cache
def _functions(file: str) -> dict[str, ast.FunctionDef]:
    """Return every function of a file by its qualified name."""
    functions = {}
    for node in ast.parse(text(file)).body:
        if isinstance(node, ast.FunctionDef):
            functions[node.name] = node
        elif isinstance(node, ast.ClassDef):
            functions |= {
                f"{node.name}.{inner.name}": inner for inner in node.body if isinstance(inner, ast.FunctionDef)
            }
    return functions


Finder = Callable[[ast.FunctionDef, str], Iterator[tuple[int, int]]]


def _lines(node: ast.stmt | ast.arg) -> tuple[int, int]:
    return node.lineno, node.end_lineno or node.lineno


def _blocks(function: ast.FunctionDef) -> Iterator[list[ast.stmt]]:
    """Yield the function's lists of statements: its body and those of its loops and branches."""
    for node in ast.walk(function):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                yield block


def _simple(function: ast.FunctionDef) -> list[ast.stmt]:
    """Return the statements that hold no others, in the order of the file."""
    compound = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef)
    found = [node for node in ast.walk(function) if isinstance(node, ast.stmt) and not isinstance(node, compound)]
    return sorted(found, key=lambda node: node.lineno)


def _calls(node: ast.AST, text: str) -> bool:
    return any(isinstance(inner, ast.Call) and ast.unparse(inner.func) == text for inner in ast.walk(node))


def _call(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    return (_lines(node) for node in _simple(function) if _calls(node, text))


def _assign(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    for node in _simple(function):
        if isinstance(node, ast.Assign) and any(ast.unparse(target) == text for target in node.targets):
            yield _lines(node)


def _argument(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    return (_lines(argument) for argument in function.args.args if argument.arg == text)


def _loop(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    for node in ast.walk(function):
        if isinstance(node, ast.For) and text in ast.unparse(node.iter):
            yield _lines(node)


def _branch(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    return (_lines(node) for node in ast.walk(function) if isinstance(node, ast.If) and _calls(node, text))


def _use(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    for block in _blocks(function):
        for node in block:
            if node in _simple(function) and text in ast.unparse(node):
                yield node.lineno, _lines(block[-1])[1]


def _body(function: ast.FunctionDef, text: str) -> Iterator[tuple[int, int]]:
    statements = function.body[1:] if ast.get_docstring(function) else function.body
    if statements:
        yield statements[0].lineno, _lines(statements[-1])[1]


_FINDERS: dict[str, Finder] = {
    "call": _call,
    "assign": _assign,
    "argument": _argument,
    "loop": _loop,
    "branch": _branch,
    "use": _use,
    "body": _body,
}
