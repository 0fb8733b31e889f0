"""Imports between rooms go one way, and gptcore loads no package of the app, so that it starts fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "gptcore": (
        *(
            "whole_file",
            "pickle_stand_ins",
            "other_process",
            "notebook",
            "config",
            "model",
            "skip_init",
            "graph",
            "capture",
            "analysis",
            "generation",
            "tokenizer",
            "export",
            "checkpoint",
            "map",
            "data",
            "train",
        ),
        "__init__",
    ),
    "app": (
        "theme",
        "log",
        "command",
        "components",
        "training",
        "panels",
        "stores",
        "lessons",
        "session",
        "state",
        "guard",
        "views",
        "frame",
        "main",
        "asgi",
    ),
}
"""Files and folders, from the bottom up: each may import those before it, and all of gptcore."""


def room_of(module: str) -> tuple[str, str]:
    """Return the package and the room of a module's dotted name."""
    package, _, rest = module.partition(".")
    return package, rest.partition(".")[0] or "__init__"


def imports(file: Path) -> Iterator[str]:
    """Yield every module that a file imports, also inside functions."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: imports are absolute"
            module = str(node.module)
            names = [f"{module}.{alias.name}" for alias in node.names]
            # `from gptcore import load` imports from gptcore's own file; `from app import theme` imports a room
            yield from (name if room_of(name)[1] in ROOMS.get(room_of(name)[0], ()) else module for name in names)


def backwards(root: Path) -> list[str]:
    """Return each import against the order of the rooms, as "file: room imports room"."""
    found = []
    for package, rooms in ROOMS.items():
        for file in sorted((root / package).rglob("*.py")):
            _, here = room_of(".".join(file.relative_to(root).with_suffix("").parts))
            if (package, here) == ("app", "__init__"):
                continue
            for module in imports(file):
                other_package, room = room_of(module)
                if other_package not in ROOMS or (package, other_package) == ("app", "gptcore"):
                    continue
                if other_package != package or rooms.index(room) > rooms.index(here):
                    found.append(f"{file.relative_to(root)}: {here} imports {other_package}.{room}")
    return found


def test_every_file_stands_in_a_room() -> None:
    for package, rooms in ROOMS.items():
        found = {path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py"}
        found |= {path.parent.name for path in (ROOT / package).glob("*/*.py")}
        assert found - {"__init__"} == set(rooms) - {"__init__"}


def test_imports_go_one_way() -> None:
    assert backwards(ROOT) == []


def test_this_check_finds_an_import_that_goes_back(tmp_path: Path) -> None:
    (tmp_path / "gptcore" / "graph").mkdir(parents=True)
    (tmp_path / "gptcore" / "graph" / "draw.py").write_text("def f():\n    from gptcore.capture.trace import Trace\n")
    (tmp_path / "gptcore" / "config.py").write_text("import app.theme\n")
    assert backwards(tmp_path) == [
        "gptcore/config.py: config imports app.theme",
        "gptcore/graph/draw.py: graph imports gptcore.capture",
    ]


FOREIGN = (
    "streamlit",
    "plotly",
    "graphviz",
    "pygraphviz",
    "transformers",
    "tyro",
    "pooch",
    "pandas",
    "huggingface_hub",
)
CHECK = "import sys; {}; found = [name for name in {!r} if name in sys.modules]; sys.exit(', '.join(found))"


def loaded(statement: str) -> str:
    """Return the foreign packages that a statement loads, in a new process."""
    command = [sys.executable, "-c", CHECK.format(statement, FOREIGN)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


def test_gptcore_alone_imports_nothing_of_the_app_and_the_trainer() -> None:
    assert loaded("import gptcore") == ""


@pytest.mark.parametrize("name", ["graphviz", "plotly"])
def test_the_check_of_packages_can_fail(name: str) -> None:
    assert loaded(f"import gptcore, {name}").startswith(name)
