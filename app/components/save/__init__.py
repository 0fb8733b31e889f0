"""The menu that saves: a picture of the stage, the map or the training strip, and files that the server makes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict

from app.components._assets import deliver
from app.components.explore_panels import Panel

deliver("save")


class FileKind(TypedDict):
    """A kind of file that can be asked for."""

    of: str
    name: str
    word: str


class FileOffer(TypedDict):
    """The answer to a request: an address below the app's own and a name, or a sentence that says why there is none."""

    seq: int
    url: str
    name: str
    refusal: str


class SaveEvent(TypedDict, total=False):
    """The state of `explore_panels`, under "save": a request for a file, or the number of the one that the page has."""

    file: str
    taken: int
    seq: int


def save(*, caption: Sequence[str], files: Sequence[FileKind] = (), offer: FileOffer | None = None) -> Panel:
    """Return the menu as a panel. It reports a `SaveEvent`.

    Args:
        caption: two lines below each picture: model and place, then the prompt.
        files: the kinds of files; those `of` the same stand in one row.
        offer: the newest answer. The browser fetches its file once, over HTTP, and then reports it as taken.
    """
    return Panel("save", {"caption": list(caption), "files": list(files), "offer": offer})
