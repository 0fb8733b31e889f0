"""The file that an export is written to: the end of its name, its folder. This file knows no format."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from gptcore.whole_file import write_whole

Place = str | os.PathLike[str]
"""The path of a file."""


def write_target(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write the file whole or not at all; a missing folder is made.

    Raises:
        OSError: it cannot be written; what was there is unchanged, and nothing else is left.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; give the path of a file in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, write)


def checked_suffix(place: Place, suffixes: Sequence[str]) -> Path:
    """Return the path of a file that ends in one of these suffixes, in small letters or capitals.

    Raises:
        ValueError: it ends otherwise.

    >>> checked_suffix("run.NPY", [".csv", ".npy"]).name
    'run.NPY'
    >>> checked_suffix("run.txt", [".csv", ".npy"])
    Traceback (most recent call last):
    ValueError: the name of the file must end in .csv or .npy, which decides what is written; got 'run.txt'
    """
    path = Path(place).expanduser()
    if path.suffix.lower() not in suffixes:
        wanted = " or ".join(filter(None, [", ".join(suffixes[:-1]), suffixes[-1]]))
        raise ValueError(f"the name of the file must end in {wanted}, which decides what is written; got {path.name!r}")
    return path
