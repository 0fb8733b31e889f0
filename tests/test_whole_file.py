"""A file is written whole or not at all, whoever writes it; and only one place renames files into their place."""

from __future__ import annotations

import ast
import errno
from pathlib import Path

import pytest

from gptcore.whole_file import PART, unfinished, write_whole

ROOT = Path(__file__).parents[1]


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "last.pt"
    write_whole(target, lambda file: file.write(b"old"))

    def fail(file: object) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_whole(target, fail)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_as_pytorch_tells_it_is_told_as_the_system_did(tmp_path: Path) -> None:
    """PyTorch's writer fails once more when it is closed, with another error."""

    def fail(file: object) -> None:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        finally:
            raise RuntimeError("PytorchStreamWriter failed writing central directory")

    with pytest.raises(OSError, match="No space left on device"):
        write_whole(tmp_path / "last.pt", fail)
    assert not list(tmp_path.iterdir())


def test_the_longest_name_that_systems_allow_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("名" * 85)  # 255 bytes
    write_whole(target, lambda file: file.write(b"whole"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"whole"]


def test_two_writers_at_once_disturb_each_other_nowhere(tmp_path: Path) -> None:
    target = tmp_path / "note.json"

    def slowly(file: object) -> None:
        write_whole(target, lambda other: other.write(b"theirs"))
        file.write(b"mine")  # type: ignore[attr-defined]

    write_whole(target, slowly)
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("note.json", b"mine")]


def test_only_unfinished_files_of_this_very_name_are_found(tmp_path: Path) -> None:
    for name in (f"a.bin.0123abcd{PART}", f"a.bin2.0123abcd{PART}", f"b.bin.0123abcd{PART}", "a.bin", "a.bin.lock"):
        (tmp_path / name).touch()
    assert [path.name for path in unfinished(tmp_path / "a.bin")] == [f"a.bin.0123abcd{PART}"]


def test_one_place_alone_replaces_files() -> None:
    """Another one would forget something: to flush, to clean up, or a second writer."""
    found = []
    for file in sorted(path for room in ("gptcore", "app") for path in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.replace", "os.rename", "os.fsync"):
                found.append(file.relative_to(ROOT).as_posix())
    assert set(found) == {"gptcore/whole_file.py"}
