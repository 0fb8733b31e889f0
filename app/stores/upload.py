"""Files of an upload: whether they can be together in a folder, and that folder. No Streamlit here.

A name that came with a file is never a path of this server: the last part of it names a file in a folder that is made
for one loading, and nothing else of it is used.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from gptcore import CheckpointError
from gptcore.checkpoint import OpenInsteadError
from gptcore.tokenizer.bounded import one_line

MOST_FILES = 50
"""Largest number of files: a model in many parts has thirty."""
MOST_NAME = 255
"""Largest number of bytes of a file's name, as file systems have it."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RENAME = "rename it and upload it again"


class File(Protocol):
    """An uploaded file."""

    @property
    def name(self) -> str:
        """Name of the file on the user's computer."""

    def getbuffer(self) -> memoryview:
        """Return the content."""


def file_name(file: File) -> str:
    """Return the last part of a file's name: it may come with folders."""
    return re.split(r"[/\\]", file.name)[-1].lstrip(".") or "file"


def refuse_impossible(files: Sequence[File]) -> None:
    """Raise CheckpointError for files that cannot be together in a folder, or whose names read as what they are not."""
    if len(files) > MOST_FILES:
        raise CheckpointError(
            f"an upload is the files of one model, at most {MOST_FILES}, got {len(files):,}; upload them alone"
        )
    seen: set[str] = set()
    for name in map(file_name, files):
        told = one_line(name, 80)
        if len(name.encode("utf-8", "surrogatepass")) > MOST_NAME:
            raise CheckpointError(f"a file's name has at most {MOST_NAME} bytes, and {told!r} has more; {_RENAME}")
        if not name.isprintable():
            raise CheckpointError(
                f"the name {told} holds signs that cannot be seen or that turn the text around; {_RENAME}"
            )
        if name.casefold() in seen:
            raise CheckpointError(f"two of the files are called {told!r}, and only one can be; leave one out")
        seen.add(name.casefold())


@contextmanager
def in_folder(files: Sequence[File]) -> Iterator[Path]:
    """Write the files into a temporary folder, which is deleted afterwards; give the one file, or the folder of many.

    They lie one folder deeper: a checkpoint is also searched for a vocabulary beside its folder, and what lies beside
    this one is nobody's.

    Raises:
        CheckpointError: they cannot be together in a folder, or this server has no room. Of an error that is raised
            within, the temporary folder is taken away.
    """
    refuse_impossible(files)
    with _no_room_told(), tempfile.TemporaryDirectory(prefix="gptscope-upload-", ignore_cleanup_errors=True) as made:
        folder = Path(made, "upload")
        with _no_room_told():
            folder.mkdir()
            for file in files:
                (folder / file_name(file)).write_bytes(file.getbuffer())
        try:
            yield folder / file_name(files[0]) if len(files) == 1 else folder
        except CheckpointError as error:
            error.args = (without(str(error), folder),)
            if isinstance(error, OpenInsteadError):
                error.instead = ()  # they are gone by now
            raise


def without(sentence: str, folder: Path) -> str:
    """Return a sentence about an upload without the place of its temporary folder."""
    inner = folder if folder.name == "upload" else folder.parent
    return sentence.replace(f"{inner}{os.sep}", "").replace(str(inner), "the upload").replace(str(inner.parent), "")


@contextmanager
def _no_room_told() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in _NO_ROOM or isinstance(error, FileNotFoundError)  # no folder can be written to
        why = "is full" if full else f"cannot be written to ({error.strerror})"
        raise CheckpointError(
            f"the temporary folder of this server {why}, so no upload can be opened; whoever looks after the server "
            "can make room there, or set TMPDIR to another folder"
        ) from None
