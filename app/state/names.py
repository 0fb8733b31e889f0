"""Names of models and places as a visitor reads them: on a shared server no path of it, whatever speaks of one.

A model that was named on the command line is called by the last part of its path there; a link to it holds that name.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PurePath

import gptcore
from app.components import Notice
from app.state import server
from app.stores.models import Wanted, one_spelling
from app.training import jobs
from gptcore import shipped_models
from gptcore.checkpoint import shipped_folder
from gptcore.checkpoint.hub import looks_like_hub_name
from gptcore.checkpoint.load import OF_FILES

DEFAULT = "fairytales"
_END = r"[^\s'\",;()]*"
_PATH = re.compile(rf"(?<![\w.:/\\~-])(?:~?/|[A-Za-z]:\\)(?:[^\s'\",;:()/\\]+[/\\])+{_END}")
"""A path from the root or from somebody's home, of two parts or more."""


def first() -> Wanted:
    """Return the model to open at the start: the checkpoint named on the command line, or the default model."""
    return Wanted(one_spelling(sys.argv[1]) if sys.argv[1:] else DEFAULT)


def shown(source: str) -> str:
    """Return the name of a model: what it was opened by, and on a shared server the last part of a path.

    One that is called like a shipped model has "./" before its name, as for `gptcore.load`.
    """
    if not server.shared() or source in shipped_models() or _is_hub_name(source):
        return source
    last = _last(source)
    return f"./{last}" if last in shipped_models() else last


def meant(name: str) -> str:
    """Return what a name stands for that `shown` has given: the model of the command line, or itself."""
    told = first().source
    return told if server.shared() and name == shown(told) else name


def told(sentence: str) -> str:
    """Return a sentence of the server as a visitor reads it: on a shared server, of each path the last part alone."""
    if not server.shared():
        return sentence
    for root in _roots():  # by their names, because a path may hold spaces
        sentence = re.sub(rf"{re.escape(root)}([/\\]{_END})?", _ending(root), sentence)
    return _PATH.sub(lambda found: _last(found[0]), sentence)


def _ending(root: str) -> Callable[[re.Match[str]], str]:
    """Return what stands for a path at or below a root: its last part, but not the name of a folder of the server."""
    alone = _last(root) if root == first().source else "a folder of this server"
    return lambda found: _last(found[1]) if (found[1] or "").strip("/\\") else alone


def of_notice(notice: Notice | None) -> Notice | None:
    """Return a notice as a visitor reads it."""
    return notice and {**notice, "text": told(notice["text"])}


def _is_hub_name(source: str) -> bool:
    return looks_like_hub_name(source) and PurePath(source).suffix not in OF_FILES


def _last(path: str) -> str:
    return re.split(r"[/\\]", path.rstrip("/\\"))[-1] or "a folder"


def _roots() -> list[str]:
    """Return the places of this server that sentences may speak of, the longest first."""
    source = Path(first().source)
    places = [
        *([source, source.parent] if source.is_absolute() else []),
        *(shipped_folder(), Path(gptcore.__file__).parents[1], jobs.runs_folder(), Path(sys.prefix)),
    ]
    for place in (tempfile.gettempdir, Path.home, os.getcwd):
        with suppress(OSError, RuntimeError):  # none that can be written to, nobody's home, a folder that is gone
            places.append(Path(place()))
    return sorted({str(place) for place in places if len(place.parts) > 1}, key=len, reverse=True)
