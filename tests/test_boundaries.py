"""What gptcore may import: a class of thirty should not wait for plotly to hold a tensor."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
    """Which of the foreign packages a statement loads, in a process of its own."""
    command = [sys.executable, "-c", CHECK.format(statement, FOREIGN)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()


def test_gptcore_alone_imports_nothing_of_the_app_and_the_trainer() -> None:
    assert loaded("import gptcore") == ""


@pytest.mark.parametrize("name", ["graphviz", "plotly"])
def test_this_check_can_fail(name: str) -> None:
    assert loaded(f"import gptcore, {name}").startswith(name)
