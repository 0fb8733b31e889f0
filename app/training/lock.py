"""The lock of a training's folder: whether somebody writes there now, whatever the clock says.

The trainer holds it as long as it lives, and the operating system takes it from a process that has ended. This file
knows no Streamlit.
"""

from __future__ import annotations

from pathlib import Path

LOCK = "run.lock"
"""The trainer's file, `gptcore.train.training_folder.LOCK`, which takes long to import."""


def held(folder: Path) -> bool | None:
    """Return True if a training writes into a folder; None where nothing tells it.

    Nothing does without the file of the lock, or where it cannot be opened, or its file system has no locks.
    """
    try:
        from filelock import FileLock, Timeout  # of the extra `train`

        if not (folder / LOCK).is_file():
            return None
        lock = FileLock(folder / LOCK, thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (ImportError, OSError, ValueError, NotImplementedError):
        return None
    lock.release()
    return False
