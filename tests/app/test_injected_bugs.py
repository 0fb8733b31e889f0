"""The list of bugs fits the app as it is, and some of them are put in; `python -m tests.app.injected_bugs` does all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter

import pytest

from tests.app.bug_list import BUGS, Bug
from tests.app.injected_bugs import ROOT, changed

OF_THE_ISSUE = (
    "query and key names swapped",
    "the head left out of the slice cache's key",
    "temperature ignored by the view",
    "thumbnails' heads in reverse order",
    "labels from the wrong end of a cropped prompt",
    "weights of a training that are stale",
    "the hovered chip one off when the prompt is cropped",
    "the heads' picture drawn in reverse",
)
"""Bugs that once passed every test, all eight together."""


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.file}: {bug.what}")
def test_a_bug_changes_one_line_and_names_its_test(bug: Bug) -> None:
    text = (ROOT / "app" / bug.file).read_text(encoding="utf-8")
    assert changed(text, bug) != text
    assert "\n" not in bug.old + bug.new
    file, _, name = bug.test.partition("::")
    assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_the_list_reaches_both_sides_and_each_bug_is_another() -> None:
    sides = Counter(bug.in_python for bug in BUGS)
    assert sides[True] >= 30 and sides[False] >= 20
    assert len({(bug.file, bug.old, bug.new) for bug in BUGS}) == len({bug.what for bug in BUGS}) == len(BUGS)
    for what in OF_THE_ISSUE:
        assert any(bug.what.startswith(what) for bug in BUGS), what


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that forks processes")
def test_the_first_bug_of_each_file_is_found() -> None:
    """On the server's side; those in the browser take minutes, and have the command alone."""
    command = [sys.executable, "-m", "tests.app.injected_bugs", "--python", "--first", "--bugs-only"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("\nfound") + done.stdout.startswith("found") == len(
        {bug.file for bug in BUGS if bug.in_python}
    )
