"""The user's cache folder, and files in it that are either complete or absent. This file knows no text, no tokens."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO

from gptcore.data.errors import DataError
from gptcore.whole_file import unfinished, write_whole

CACHE_FOLDER = "GPTSCOPE_CACHE"
"""Environment variable with the path of the cache folder, in place of the user's usual one."""


def cache_folder() -> Path:
    """Return `$GPTSCOPE_CACHE`, or the usual folder for caches of this user and system."""
    if folder := os.environ.get(CACHE_FOLDER):
        return Path(folder).expanduser()
    import pooch  # an optional package, needed only to fill the cache

    return Path(pooch.os_cache("gptscope"))


def write_kept(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write the file atomically: a reader, or a crash, finds the whole file or none.

    Raises:
        DataError: it cannot be written; no part of it is left.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, write)
    except OSError as error:
        raise DataError(
            f"{path} could not be written ({error.strerror or error}); make room, or set {CACHE_FOLDER} to another "
            "folder"
        ) from error


def write_once(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write the file atomically unless it is there already. Of several processes one writes, the others wait.

    The operating system frees the lock of a killed process; its unfinished files are removed.

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
            print(f"another process is writing {path}; waiting for it", file=sys.stderr, flush=True)
            lock.acquire()
    except (OSError, NotImplementedError) as error:
        raise DataError(
            f"could not lock {lock.lock_file} ({error}); set {CACHE_FOLDER} to a folder on a local disk with free space"
        ) from error
    try:
        if path.exists():
            return
        for left in unfinished(path):
            left.unlink(missing_ok=True)
        write_kept(path, write)
    finally:
        lock.release()
