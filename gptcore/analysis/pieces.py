"""Long analyses in pieces: a caller hears how many are done, and may stop after each."""

from __future__ import annotations

from gptcore.analysis.patching import Progress


class Stopped(Exception):
    """The caller wants no more."""


class Pieces:
    """The pieces of one analysis, counted."""

    def __init__(self, progress: Progress | None, of: int) -> None:
        """Begin to count.

        Args:
            progress: hears of the start and of each piece; None for nobody.
            of: the number of all pieces.

        Raises:
            Stopped: nothing is wanted at all.
        """
        self._progress, self._of, self._done = progress, of, 0
        self._tell()

    def done(self) -> None:
        """Count a piece.

        Raises:
            Stopped: no more is wanted.
        """
        self._done += 1
        self._tell()

    def _tell(self) -> None:
        if self._progress is not None and self._progress(self._done, self._of) is False:
            raise Stopped
