"""Files that people have uploaded and not opened yet: so many at a time, and none once its model was opened.

Streamlit keeps each upload in memory for as long as its page is open, even when the widget is gone, and takes any
number of them; a client needs no widget to send one. So the object that keeps them gets budgets here. What is on its
way, before it comes to be kept, `coming.py` bounds, and a proxy by its `client_max_body_size`. Streamlit keeps files
by session, so a person is a page here; pages are bounded by their address.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from starlette.exceptions import HTTPException
from streamlit.runtime import exists, get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile, UploadedFileRec, UploadFileUrlInfo

SWITCH = "GPTSCOPE_UPLOADS"
"""Set to 0 in the environment of a server that takes no uploads."""
FILES = 24
"""Files that one person has waiting at most: a model in a dozen parts, its settings and its vocabulary."""
BESIDE = 32
"""Megabytes that one person's files may have together beyond the largest single file."""
PEOPLE = 4
"""The server keeps as many files and bytes as this many people may have."""
WAIT = 600.0
"""Seconds after which a file that nobody opened makes room for others."""
MOST_ADDRESSES = 100
"""Addresses for files that one message asks for at most."""


def allowed() -> bool:
    """Return True if this server takes uploads."""
    return os.environ.get(SWITCH, "1").strip().lower() not in ("", "0", "false", "no", "off")


def largest() -> int:
    """Return the megabytes of the largest file, which is Streamlit's own setting `server.maxUploadSize`."""
    return int(st.get_option("server.maxUploadSize"))


@dataclass(frozen=True)
class Upload:
    """An uploaded file, as the models read it."""

    name: str
    data: bytes

    def getbuffer(self) -> memoryview:
        """Return the content, without a copy of it."""
        return memoryview(self.data)


def read(files: Sequence[UploadedFile]) -> list[Upload]:
    """Return the files that the widget has; their bytes are not copied, as a widget's own buffer would be."""
    return [Upload(file.name, file.getvalue()) for file in files]


def drop() -> None:
    """Free all files of this person: their model is open, or the dialog is closed."""
    context = get_script_run_ctx()
    if context is not None:
        context.uploaded_file_mgr.remove_session_files(context.session_id)


def guard() -> None:
    """Give this server's uploads their budgets; again is nothing more.

    The server's addresses are bound to the object that keeps the files, so it stays, and becomes one of another class.
    """
    keeper = get_instance().uploaded_file_mgr if exists() else None
    if type(keeper) is MemoryUploadedFileManager:
        keeper.__class__ = Bounded


class Bounded(MemoryUploadedFileManager):
    """Keeps files up to a number and a size, of a person and in all."""

    def add_file(self, session_id: str, file: UploadedFileRec) -> None:
        """Keep a file.

        Raises:
            HTTPException: it is over a budget; the browser shows that it was not taken.
        """
        if not allowed():
            raise HTTPException(403, f"this server takes no uploads ({SWITCH})")
        most = (largest() + BESIDE) * 2**20
        mine = [each for each in self._of(session_id) if each.file_id != file.file_id]
        if len(mine) >= FILES or _bytes(mine) + len(file.data) > most:
            raise HTTPException(
                413, f"one person has at most {FILES} files and {most:,} bytes waiting; open them first"
            )
        if self._is_full(len(file.data), most):
            self._make_room(session_id)
        if self._is_full(len(file.data), most):
            raise HTTPException(503, "too many uploads are waiting on this server; try again in some minutes")
        super().add_file(session_id, file)
        self._came()[file.file_id] = time.monotonic()

    def get_upload_urls(self, session_id: str, file_names: Sequence[str]) -> list[UploadFileUrlInfo]:
        """Return an address for each file, of so many at a time: a message of a megabyte can name half a million."""
        return super().get_upload_urls(session_id, file_names[:MOST_ADDRESSES])

    def _of(self, session_id: str) -> list[UploadedFileRec]:
        return list(self.file_storage.get(session_id, {}).values())

    def _is_full(self, size: int, most: int) -> bool:
        return self._file_count >= PEOPLE * FILES or self._total_bytes + size > PEOPLE * most

    def _make_room(self, session_id: str) -> None:
        """Drop what other people have left: their page is gone, or they have waited for too long."""
        came, now = self._came(), time.monotonic()
        for other, kept in list(self.file_storage.items()):
            gone = other != session_id and not get_instance().is_active_session(other)
            for file_id in list(kept) if other != session_id else ():
                if gone or now - came.get(file_id, now) > WAIT:
                    self.remove_file(other, file_id)
        there = {file_id for kept in list(self.file_storage.values()) for file_id in list(kept)}
        for file_id in came.keys() - there:
            del came[file_id]

    def _came(self) -> dict[str, float]:
        """Return when each file came; the object was made before it was one of this class."""
        found: dict[str, float] = self.__dict__.setdefault("came", {})
        return found


def _bytes(files: Sequence[UploadedFileRec]) -> int:
    return sum(len(file.data) for file in files)
