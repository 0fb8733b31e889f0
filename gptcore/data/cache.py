"""The user's cache folder, and files in it that are either whole or absent. Knows no text and no tokens."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from gptcore.data.errors import DataError

CACHE_FOLDER = "GPTSCOPE_CACHE"
"""The environment variable that names the cache folder, where the user's usual one is not wanted."""


def cache_folder() -> Path:
    """`$GPTSCOPE_CACHE`, or the folder for caches of this user and system."""
    if folder := os.environ.get(CACHE_FOLDER):
        return Path(folder).expanduser()
    import pooch  # only who fills a cache needs it

    return Path(pooch.os_cache("gptscope"))


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Makes the file in one step: whoever looks, or a crash, sees all of it or nothing.

    Raises:
        DataError: it cannot be written; nothing is left behind.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", suffix=".part", delete=False) as file:
            try:
                write(file)
                file.flush()
                os.fsync(file.fileno())
                os.replace(file.name, path)
            except BaseException:
                with suppress(OSError):
                    os.unlink(file.name)
                raise
        _sync_folder(path.parent)
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error.strerror or error}); make room, or set {CACHE_FOLDER} elsewhere"
        ) from error


def write_once(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """The same, unless it is there already. Of several processes one writes, and the others wait for it.

    The lock is the system's, so that of a killed process is free; what that one left half-written is removed.

    Raises:
        DataError: it cannot be written.
    """
    if path.exists():
        return
    from filelock import FileLock, Timeout

    lock = FileLock(path.with_name(f"{path.name}.lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            print(f"another process writes {path}; waiting for it", file=sys.stderr, flush=True)
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise DataError(
            f"could not lock {lock.lock_file} ({error}); set {CACHE_FOLDER} to a folder on a local disk with room"
        ) from error
    try:
        if path.exists():
            return
        for left in path.parent.glob(f"{path.name}.*.part"):
            left.unlink(missing_ok=True)
        write_whole(path, write)
    finally:
        lock.release()


def _sync_folder(folder: Path) -> None:
    """The new name survives a crash of the machine, too; not every system can."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
