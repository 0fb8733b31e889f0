"""Loaded models, shared by all sessions: each is loaded once, and the last few are kept. No Streamlit."""

from __future__ import annotations

import gc
import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psutil
import torch

from gptcore import Checkpoint, CheckpointError, GPTConfig, load, shipped_models
from gptcore.checkpoint.progress import Listener, listening
from gptcore.checkpoint.shipped import shipped_folder

KEPT = 4
"""Models that stay in memory although nobody looks at them."""


class File(Protocol):
    """An uploaded file."""

    @property
    def name(self) -> str:
        """As the person's computer calls it."""

    def getbuffer(self) -> memoryview:
        """The content."""


@dataclass(frozen=True)
class Wanted:
    """What to load, and how: the same for all who want the same."""

    source: str
    """A shipped model's name, a path, or a name on the hub; of an upload, what it is called on the screen."""
    config: GPTConfig | None = None
    """For files that do not carry theirs."""
    words: bool = True
    """Whether ids are shown as text; without, the model's vocabulary is not looked for."""
    digest: str = ""
    """SHA-256 of what was uploaded."""


Stamp = tuple[tuple[str, int, int], ...]
"""Name, time of the last change, and size of each file: others once a file was written again."""


@dataclass
class _Place:
    """Where one model is, or will be once the thread that holds the lock has loaded it."""

    stamp: Stamp
    lock: threading.Lock = field(default_factory=threading.Lock)
    checkpoint: Checkpoint | None = None


class Models:
    """The models of a server."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._places: OrderedDict[Wanted, _Place] = OrderedDict()

    def has(self, wanted: Wanted) -> bool:
        """Whether it is in memory."""
        with self._lock:
            place = self._places.get(wanted)
            return place is not None and place.checkpoint is not None

    def get(self, wanted: Wanted, listener: Listener, files: Sequence[File] = ()) -> Checkpoint:
        """The model; loaded, from `files` if it is an upload, unless somebody has loaded it as it now lies on the disk.

        Raises:
            CheckpointError: it cannot be loaded.
        """
        stamp = () if wanted.digest else _stamp(wanted.source)
        with self._lock:
            place = self._places.get(wanted)
            if place is None or place.stamp != stamp:
                place = self._places[wanted] = _Place(stamp)
            self._places.move_to_end(wanted)
        with place.lock:  # a second person waits for the first, not for other models
            if place.checkpoint is None:
                try:
                    with listening(_forwards(listener)):
                        place.checkpoint = _load_files(wanted, files) if wanted.digest else _load(wanted, wanted.source)
                finally:
                    if place.checkpoint is None:
                        with self._lock:
                            if self._places.get(wanted) is place:
                                del self._places[wanted]
                _settle()
        with self._lock:
            while len(self._places) > self._kept:
                self._places.popitem(last=False)
        return place.checkpoint


def _stamp(source: str) -> Stamp:
    """Of a file, or of the files in a folder; empty for a name on the hub, and where nothing can be told."""
    path = Path(source)
    try:
        path = shipped_folder() / source if source in shipped_models() else path
        files = [path] if path.is_file() else sorted(path.iterdir())
        return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    except (OSError, ValueError):
        return ()


def one_spelling(source: str) -> str:
    """A path as it is spelled in full, so that two ways to write it are one model; a name as it is."""
    try:
        path = Path(source).expanduser()
        return str(path.resolve()) if source not in shipped_models() and path.exists() else source
    except (OSError, ValueError, RuntimeError):  # a null byte, a name too long, nobody's home
        return source


def digest(files: Sequence[File]) -> str:
    """Of names and contents, so that the same upload is the same model."""
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.name}\0{len(file.getbuffer())}\0".encode())
        found.update(file.getbuffer())
    return found.hexdigest()


def memory() -> float:
    """Megabytes that this server holds."""
    return float(psutil.Process().memory_info().rss / 1e6)


def _load(wanted: Wanted, source: str) -> Checkpoint:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return load(source, config=wanted.config, tokenizer=None if wanted.words else "ids", device=device)


def _load_files(wanted: Wanted, files: Sequence[File]) -> Checkpoint:
    """The files lie in a folder of their own for as long as it takes: what is served is what was read from them."""
    with tempfile.TemporaryDirectory(prefix="gptscope-upload-", ignore_cleanup_errors=True) as folder:
        for file in files:
            # The end of the name alone: it may come with folders, or with what no file may be called.
            name = Path(file.name.replace("\\", "/")).name.lstrip(".") or "file"
            Path(folder, name).write_bytes(file.getbuffer())
        source = str(Path(folder, name)) if len(files) == 1 else folder
        try:
            checkpoint = _load(wanted, source)
        except CheckpointError as error:  # where it lay for a moment is nobody's concern
            error.args = (str(error).replace(f"{folder}{os.sep}", "").replace(folder, "the upload"),)
            raise
    checkpoint.info["source"] = wanted.source
    return checkpoint


def _forwards(listener: Listener) -> Listener:
    """Never told less than before: a model in several files begins each anew."""
    furthest = 0.0

    def tell(share: float, what: str) -> None:
        nonlocal furthest
        furthest = max(furthest, share)
        listener(furthest, what)

    return tell


def _settle() -> None:
    """What is loaded by now stays: without the collection after each run (.streamlit/config.toml), the collector
    should not walk through all libraries' objects whenever it starts by itself."""
    gc.collect()
    gc.freeze()
