"""Another process of this very Python: how it is started and let go. This file knows nothing of what it does."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def python() -> str:
    """Return the Python to run: this one; where another program holds it, the one of the same installation."""
    return sys.executable or getattr(sys, "_base_executable", "") or "python3"


def environment() -> dict[str, str]:
    """Return the environment, with all places of which this process imports: some are known to it alone."""
    places = [place for place in sys.path if place and Path(place).is_absolute()]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places)}


def close_pipes(process: subprocess.Popen[Any]) -> None:
    """Close what leads to a process and from it."""
    for stream in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # data still in the buffer has no reader
            if stream is not None:
                stream.close()
