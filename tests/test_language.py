"""Docstrings begin with a word that says something: a verb for a function, a noun for all else (STYLE: Language)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("gptcore", "app")
TESTS = "tests"
"""The folder whose functions may be called by a noun: what they hold true, or what they give."""
FORBIDDEN = frozenset({"of", "whether", "what", "who", "whose", "whom", "where", "how", "why", "when"})
NO_VERBS = frozenset(
    {"a", "an", "the", "one", "all", "each", "every", "any", "this", "these", "those", "it", "its", "no", "both"}
)
"""Words that begin the docstring of a value, but not of a function, which does something."""
VERBS_IN_S = frozenset({"pass", "process", "focus", "compress", "press", "address", "guess", "express", "discuss"})
NOUN_MAKERS = frozenset({"property", "cached_property", "setter"})
"""Decorators that make a function a value: its docstring is a noun."""


def fault(text: str, is_function: bool) -> str | None:
    """Return why a docstring begins wrongly; None if it does not.

    >>> fault("Whether it is open.", False), fault("The open file.", True), fault("Returns it.", True)
    ("begins with 'Whether'", "begins with 'The', no verb", "begins with 'Returns', no imperative")
    >>> fault("The open file.", False), fault("Return it.", True)
    (None, None)
    """
    word = text.split()[0].rstrip(".,:;") if text.split() else ""
    lower = word.lower()
    if lower in FORBIDDEN:
        return f"begins with {word!r}"
    if not is_function:
        return None
    if lower in NO_VERBS or not re.fullmatch(r"[A-Z][a-z]+(-[a-z]+)?", word):
        return f"begins with {word!r}, no verb"
    if lower.endswith("s") and lower not in VERBS_IN_S:
        return f"begins with {word!r}, no imperative"
    return None


def docstrings(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield line, text and whether it is a function's, for each docstring and each string after a field."""
    for node in ast.walk(tree):
        body = node.body if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else []
        for before, statement in zip([None, *body], body, strict=False):
            if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
                continue
            text = statement.value.value
            if not isinstance(text, str) or not (before is None or isinstance(before, ast.Assign | ast.AnnAssign)):
                continue
            is_function = before is None and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            yield statement.lineno, text, is_function and not _is_value(node)


def _is_value(node: ast.AST) -> bool:
    names = {ast.unparse(each).split("(")[0].split(".")[-1] for each in getattr(node, "decorator_list", [])}
    return bool(names & NOUN_MAKERS)


def faults(root: Path) -> list[str]:
    """Return each docstring that begins wrongly, as "file:line begins with ..."."""
    found = []
    for file in sorted(path for room in (*PACKAGES, TESTS) for path in (root / room).rglob("*.py")):
        name = file.relative_to(root).as_posix()
        for line, text, is_function in sorted(docstrings(ast.parse(file.read_text(encoding="utf-8")))):
            if why := fault(text, is_function and not name.startswith(TESTS)):
                found.append(f"{name}:{line} {why}")
    return found


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    assert faults(ROOT) == []


def test_the_check_finds_each_kind_of_docstring(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text(
        '"""A noun."""\ndef test_it():\n    """The side is open."""\ndef side():\n    """Where it ends."""\n'
    )
    (tmp_path / "gptcore" / "graph").mkdir(parents=True)
    (tmp_path / "gptcore" / "graph" / "draw.py").write_text(
        '"""How it is drawn."""\n'
        'WIDTH = 3\n"""Of a box."""\n'
        'class Box:\n    """What is drawn."""\n'
        '    size: int\n    """Where it ends."""\n'
        '    @property\n    def open(self):\n        """The open side."""\n'
        '    async def wait(self):\n        """The next frame."""\n'
        'def draw():\n    """Draws it."""\n    box = Box()\n    """Whether it fits."""\n'
        'def right():\n    """Return it."""\n'
    )
    assert faults(tmp_path) == [
        "gptcore/graph/draw.py:1 begins with 'How'",
        "gptcore/graph/draw.py:3 begins with 'Of'",
        "gptcore/graph/draw.py:5 begins with 'What'",
        "gptcore/graph/draw.py:7 begins with 'Where'",
        "gptcore/graph/draw.py:12 begins with 'The', no verb",
        "gptcore/graph/draw.py:14 begins with 'Draws', no imperative",
        "gptcore/graph/draw.py:16 begins with 'Whether'",
        "tests/test_a.py:5 begins with 'Where'",
    ]
