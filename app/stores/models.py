"""Loaded models, shared by all sessions: each is loaded once, and the last few stay cached. No Streamlit here."""

from __future__ import annotations

import gc
import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
import torch

from app.stores import upload
from app.stores.upload import File
from gptcore import Checkpoint, GPTConfig, load, shipped_models
from gptcore.checkpoint import assuming
from gptcore.checkpoint.progress import Listener, listening
from gptcore.checkpoint.shipped import shipped_folder

KEPT = 4
"""Number of models that stay in the cache, even if no session shows them."""


@dataclass(frozen=True)
class Wanted:
    """A model to load, and the options of loading: the key of the cache."""

    source: str
    """A shipped model's name, a path, or a name on the hub; for an upload, its name on the screen."""
    config: GPTConfig | None = None
    """Config for files that have none."""
    words: bool = True
    """True to show ids as text; False to use plain ids and search no vocabulary."""
    digest: str = ""
    """SHA-256 of an upload; "" for anything else."""
    choices: tuple[tuple[str, Any], ...] = ()
    """Values for what the file leaves open, by the names of `load`'s arguments."""

    @property
    def is_shipped(self) -> bool:
        """True for a model that comes with gptscope. An upload may be called like one."""
        return not self.digest and self.source in shipped_models()

    def options(self) -> str:
        """Return the options of loading as a short text; "" for none.

        >>> Wanted("ckpt.pt", words=False).options()
        '{"words":false}'
        """
        told: dict[str, Any] = {} if self.words else {"words": False}
        if self.config:
            told["config"] = self.config.to_dict()
        if self.choices:
            told["choices"] = dict(self.choices)
        return json.dumps(told, separators=(",", ":")) if told else ""

    @staticmethod
    def read(source: str, digest: str, options: str) -> Wanted:
        """Return the model that `options` tells how to load.

        Raises:
            ValueError: the options are none that were written by `options`.

        >>> Wanted.read("ckpt.pt", "", '{"words":false}')
        Wanted(source='ckpt.pt', config=None, words=False, digest='', choices=())
        """
        if not options:
            return Wanted(source, digest=digest)
        try:
            fields = json.loads(options)
            if fields.keys() <= {"words", "config", "choices"}:
                config = GPTConfig.from_dict(fields["config"]) if "config" in fields else None
                choices = tuple((str(name), _plain(value)) for name, value in fields.get("choices", {}).items())
                return Wanted(source, config, bool(fields.get("words", True)), digest, choices)
        except (ValueError, TypeError, AttributeError, RecursionError):
            pass
        raise ValueError(f"the options of a model are those of a link, got {options[:80]!r}; take the whole link")


def _plain(value: object) -> object:
    if not isinstance(value, str | int | float | bool):
        raise TypeError(f"an option holds a {type(value).__name__}; a text or a number was wanted")
    return value


Stamp = tuple[tuple[str, int, int], ...]
"""Name, modification time and size of each file: a file that is written again changes it."""


@dataclass
class _Place:
    """The cache's entry for a model. While it is empty, the thread that holds the lock is loading the model."""

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
        """Return True if the model is in memory."""
        with self._lock:
            place = self._places.get(wanted)
            return place is not None and place.checkpoint is not None

    def get(self, wanted: Wanted, listener: Listener, files: Sequence[File] = ()) -> Checkpoint:
        """Return the model. Load it (an upload: from `files`) unless the cache has it and its files have not changed.

        Raises:
            CheckpointError: it cannot be loaded.
        """
        stamp = () if wanted.digest else _stamp(wanted.source)
        with self._lock:
            place = self._places.get(wanted)
            if place is None or place.stamp != stamp:
                place = self._places[wanted] = _Place(stamp)
            self._places.move_to_end(wanted)
        with place.lock:  # a session waits for others that load the same model, not for other models
            if place.checkpoint is None:
                try:
                    with listening(_forwards(listener)):
                        place.checkpoint = self._made(wanted, listener, files)
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

    def _made(self, wanted: Wanted, listener: Listener, files: Sequence[File]) -> Checkpoint:
        """Load the model; under another choice, take its weights from the model as it was loaded before."""
        if wanted.choices:
            return assuming(self.get(replace(wanted, choices=()), listener, files), **dict(wanted.choices))
        return _load_files(wanted, files) if wanted.digest else _load(wanted, wanted.source)


def _stamp(source: str) -> Stamp:
    """Return the stamp of a file, or of the files in a folder; () for a name on the hub, and if a file is missing."""
    path = Path(source)
    try:
        path = shipped_folder() / source if source in shipped_models() else path
        files = [path] if path.is_file() else sorted(path.iterdir())
        return tuple((file.name, file.stat().st_mtime_ns, file.stat().st_size) for file in files)
    except (OSError, ValueError):
        return ()


def one_spelling(source: str) -> str:
    """Return a path in its full spelling, so that two spellings are one model; a name unchanged."""
    try:
        path = Path(source).expanduser()
        return str(path.resolve()) if source not in shipped_models() and path.exists() else source
    except (OSError, ValueError, RuntimeError):  # a null byte, a name that is too long, `~` of an unknown user
        return source


def digest(files: Sequence[File]) -> str:
    """Return the SHA-256 of names and contents, so that the same upload is the same model."""
    found = hashlib.sha256()
    for file in files:
        found.update(f"{file.name}\0{len(file.getbuffer())}\0".encode())
        found.update(file.getbuffer())
    return found.hexdigest()


def memory() -> float:
    """Return the memory of this server's process in megabytes."""
    return float(psutil.Process().memory_info().rss / 1e6)


def _load(wanted: Wanted, source: str) -> Checkpoint:
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return load(source, config=wanted.config, tokenizer=None if wanted.words else "ids", device=device)


def _load_files(wanted: Wanted, files: Sequence[File]) -> Checkpoint:
    """Load an upload. Nothing of what is kept names the folder that it was loaded from."""
    with upload.in_folder(files) as place:
        checkpoint = _load(wanted, str(place))
        notices = [upload.without(notice, place) for notice in checkpoint.info["notices"]]
    checkpoint.info.update(source=wanted.source, notices=notices)
    return checkpoint


def _forwards(listener: Listener) -> Listener:
    """Return a listener whose share never goes back: a model in several files reports each from the beginning."""
    furthest = 0.0

    def tell(share: float, what: str) -> None:
        nonlocal furthest
        furthest = max(furthest, share)
        listener(furthest, what)

    return tell


def _settle() -> None:
    """Exempt all present objects from garbage collection.

    Streamlit's collection after each run is off (.streamlit/config.toml), so the collector starts by itself; it should
    not walk through the objects of all libraries then.
    """
    gc.collect()
    gc.freeze()
