"""The order in which several processes take the tests: by files, those that take long first.

A file's server, models and pages are made once, by the process that takes the file. pytest-xdist 3.8 groups tests by
a suffix of their names, which pytest 9.1 and later no longer take: each test then went to any process, and each
process made everything. This scheduler asks for no names.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

SPREAD = {
    *("test_edits", "test_edits_reuse", "test_explain", "test_fuzz", "test_trace"),
    *("test_train", "test_train_distributed", "test_train_export", "test_train_faults"),
}
"""Long files whose tests share nothing: any process may take any of them. They come last, one by one, so that no
process is left with a long file when the others have ended."""
FIRST = ("deploy", "browser", "train")
"""Folders whose files take longest."""


def place(path: str) -> int:
    """Return when a file is taken: the lowest first.

    >>> [place(path) for path in ("browser/test_drawn.py", "test_map.py", "checkpoint/test_fuzz.py")]
    [1, 3, 4]
    """
    file = PurePosixPath(path)
    if file.stem in SPREAD:
        return len(FIRST) + 1
    folder = file.parent.name
    return FIRST.index(folder) if folder in FIRST else len(FIRST)


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process a file at a time, or a test of a file whose tests share nothing."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return nodeid if PurePosixPath(file).stem in SPREAD else file
