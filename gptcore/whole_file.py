"""A file that is written whole or not at all. This file knows no format and no folder's layout."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

PART = ".part"
"""End of the name of a file that is not finished."""
MOST_NAME = 60
"""Characters of a name that its unfinished file keeps: of 4 bytes each they fit the 255 that systems allow a name."""


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name beside it, flush it to disk, and rename it: nobody ever finds a part of it.

    A file that was there is replaced. Several threads and processes may write the same one: the last of them counts.

    Raises:
        OSError: it cannot be written; what was there is unchanged, and nothing else is left.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "a"), lambda file: file.write(b"whole"))
    ...     [(path.name, path.read_bytes()) for path in Path(folder).iterdir()]
    [('a', b'whole')]
    """
    temporary = path.with_name(f"{path.name[:MOST_NAME]}.{uuid.uuid4().hex[:8]}{PART}")
    try:
        with temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, RuntimeError) and isinstance(error.__context__, OSError):
            raise error.__context__ from None  # torch.save reports a full disk as a RuntimeError
        raise
    _sync_folder(path.parent)


def unfinished(path: Path) -> Iterator[Path]:
    """Yield the files that killed processes left in place of this one."""
    start = f"{path.name[:MOST_NAME]}."
    yield from (found for found in path.parent.glob(f"*{PART}") if found.name.startswith(start))


def _sync_folder(folder: Path) -> None:
    """Make the new file name survive a crash of the machine, if the operating system can."""
    with suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
