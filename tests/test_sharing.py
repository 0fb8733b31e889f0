"""The tests of a file go to one process, so that its server, browser and models are made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import pytest_xdist_make_scheduler
from tests.sharing import FIRST, SPREAD, ByFile, place

TESTS = Path(__file__).parent


@pytest.mark.parametrize(("name", "scope"), [("test_words", "app/test_words.py"), ("test_fuzz", None)])
def test_a_file_is_one_piece_of_work_unless_its_tests_share_nothing(name: str, scope: str | None) -> None:
    nodeid = f"app/{name}.py::test_each[a::b-1.5]"
    assert ByFile._split_scope(ByFile.__new__(ByFile), nodeid) == (scope or nodeid)


def test_long_files_come_first_and_single_tests_last() -> None:
    paths = [
        "tests/checkpoint/test_fuzz.py",
        "tests/test_map.py",
        "tests/browser/test_drawn.py",
        "tests/deploy/test_a.py",
    ]
    assert sorted(paths, key=place) == [*paths[:1:-1], *paths[1::-1]]


def test_the_names_are_those_of_files_and_folders() -> None:
    assert {path.stem for path in TESTS.rglob("test_*.py")} >= SPREAD
    assert {path.name for path in TESTS.iterdir() if path.is_dir()} >= {*FIRST}


def test_the_processes_share_the_tests_so(request: pytest.FixtureRequest) -> None:
    """Another plugin, or a later release of pytest-xdist, would bring its own scheduler unseen."""
    hook = request.config.hook.pytest_xdist_make_scheduler
    assert hook.get_hookimpls()[-1].function is pytest_xdist_make_scheduler  # the one that is asked first
