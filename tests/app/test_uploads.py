"""Budgets of what was uploaded and not opened yet: of one person, and of all, who make room for each other in time."""

from __future__ import annotations

from unittest.mock import MagicMock

import pytest

pytest.importorskip("streamlit", reason="needs the extra `app`")

from starlette.exceptions import HTTPException
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.uploaded_file_manager import UploadedFileRec

from app.guard import uploads

LARGEST = 2
"""Megabytes of the largest file."""


def status(keeper: uploads.Bounded, person: str, name: str, megabytes: float = 0) -> int:
    """Keep a file; return the status that the browser gets."""
    try:
        keeper.add_file(person, UploadedFileRec(name, name, "", bytes(int(megabytes * 2**20))))
    except HTTPException as refused:
        return refused.status_code
    return 204


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    found = MagicMock()
    found.uploaded_file_mgr = MemoryUploadedFileManager("/upload")
    found.is_active_session = lambda person: person != "gone"
    monkeypatch.setattr(uploads, "get_instance", lambda: found)
    monkeypatch.setattr(uploads, "exists", lambda: True)
    monkeypatch.setattr(uploads, "largest", lambda: LARGEST)
    monkeypatch.setattr(uploads, "BESIDE", 1)
    return found


@pytest.fixture
def keeper(runtime: MagicMock) -> uploads.Bounded:
    uploads.guard()
    uploads.guard()
    found: uploads.Bounded = runtime.uploaded_file_mgr
    assert type(found) is uploads.Bounded
    return found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr("app.guard.uploads.time.monotonic", lambda: now[0])
    return now


def test_a_person_has_so_many_bytes(keeper: uploads.Bounded) -> None:
    assert [status(keeper, "a", name, 1.2) for name in "xyz"] == [204, 204, 413]
    assert status(keeper, "a", "y", 1.7) == 204  # instead of its first content
    assert status(keeper, "b", "z", 2) == 204
    keeper.remove_session_files("a")
    assert status(keeper, "a", "z", 2) == 204


def test_all_people_have_so_many_bytes_until_one_has_opened_its_files(keeper: uploads.Bounded) -> None:
    people = [f"p{i}" for i in range(uploads.PEOPLE)]
    assert [status(keeper, person, name, 1.5) for person in people for name in (f"{person}x", f"{person}y")] == [
        204
    ] * 8
    assert status(keeper, "late", "z", 0.5) == 503
    keeper.remove_session_files("p2")
    assert status(keeper, "late", "z", 0.5) == 204


def test_all_people_have_so_many_files(keeper: uploads.Bounded) -> None:
    found = [status(keeper, f"p{i}", f"{i} {number}") for i in range(uploads.PEOPLE) for number in range(uploads.FILES)]
    assert set(found) == {204}
    assert status(keeper, "late", "z") == 503


def test_what_nobody_opened_makes_room(keeper: uploads.Bounded, clock: list[float]) -> None:
    for i in range(uploads.PEOPLE):
        clock[0] += 100
        assert status(keeper, f"p{i}", f"f{i}", 3) == 204
    assert status(keeper, "late", "z", 1) == 503
    clock[0] += uploads.WAIT - 250  # now the first of them has waited for long enough
    assert status(keeper, "late", "z", 1) == 204
    assert sorted(person for person, files in keeper.file_storage.items() if files) == ["late", "p1", "p2", "p3"]


def test_what_a_page_has_left_that_is_gone_makes_room(keeper: uploads.Bounded) -> None:
    for person in ("gone", "p1", "p2", "p3"):
        assert status(keeper, person, person, 3) == 204
    assert status(keeper, "late", "z", 1) == 204


@pytest.mark.parametrize(("word", "takes"), [("0", False), ("off", False), ("1", True), ("yes", True)])
def test_a_switch_takes_none(keeper: uploads.Bounded, monkeypatch: pytest.MonkeyPatch, word: str, takes: bool) -> None:
    monkeypatch.setenv(uploads.SWITCH, word)
    assert status(keeper, "a", "x") == (204 if takes else 403)


def test_one_message_asks_for_so_many_addresses(keeper: uploads.Bounded) -> None:
    assert len(keeper.get_upload_urls("a", [""] * 100_000)) == uploads.MOST_ADDRESSES
