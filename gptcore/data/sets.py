"""The place of training texts: files by path, public data sets by name. This file knows no tokens."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from gptcore.data import fairytales
from gptcore.data.cache import cache_folder, write_kept
from gptcore.data.errors import DataError

DATA_FOLDER = "GPTSCOPE_DATA"
"""Environment variable with the path of a folder that already holds data sets, so that nothing is downloaded."""
TIMEOUT = 60
"""Seconds without a byte after which a download fails."""


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A public text with its address, and the hash that proves its content."""

    file: str
    url: str
    """Address of the text itself, or of an archive from which `assemble` makes it."""
    sha256: str
    """Hash of the text, from whatever place it comes."""
    licence: str
    held_out: tuple[int, int] | None = None
    """Numbers of documents at the end that are the validation and test splits; None: the last 10 % of bytes."""
    assemble: Callable[[Path], bytes] | None = None
    """Function that makes the text from the archive; it raises ValueError with the reason if it cannot."""


DATASETS = {
    "tinyshakespeare": DataSet(
        file="tinyshakespeare.txt",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        licence="public-domain text (William Shakespeare), collected in karpathy/char-rnn",
    ),
    "names": DataSet(
        file="names.txt",
        url="https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
        sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
        licence="first names of the US Social Security Administration, public domain, collected in karpathy/makemore",
    ),
    "fairytales": DataSet(
        file="fairytales.txt",
        url=fairytales.ARCHIVE,
        sha256="62402822ebbb846e7bd7c9197e96ea1fc8cee8ac6cd05d873bcda9492a84f161",
        licence="Project Gutenberg stories, public domain, collected in FairytaleQA, Apache-2.0",
        held_out=(23, 23),
        assemble=fairytales.assemble,
    ),
}


def find_text(name_or_path: str) -> Path:
    """Return the file of a named data set or of a path.

    A name is looked up in the folder `$GPTSCOPE_DATA`, then in the cache (`cache_folder`), then downloaded to the
    cache (package `pooch`). Its hash is checked in each case.

    Raises:
        DataError: it is neither a file nor a known name, has the wrong content, or cannot be downloaded.
    """
    path = Path(name_or_path).expanduser()
    if path.is_file():
        return path
    if name_or_path not in DATASETS:
        raise DataError(
            f"no file {name_or_path!r}, nor a data set of that name; give a text file or one of {', '.join(DATASETS)}"
        )
    dataset = DATASETS[name_or_path]
    if folder := os.environ.get(DATA_FOLDER):
        local = Path(folder) / dataset.file
        if local.is_file():
            _check_hash(local, dataset)
            return local
    return _download(dataset)


def sha256(path: Path) -> str:
    """Return the file's SHA-256, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_hash(path: Path, dataset: DataSet) -> None:
    found = sha256(path)
    if found != dataset.sha256:
        raise DataError(
            f"{path} is not the published {dataset.file}: SHA-256 {found}, expected {dataset.sha256}; "
            "put the right file there, or give yours by its path"
        )


def _download(dataset: DataSet) -> Path:
    import pooch  # an optional package, needed only to download

    kept = cache_folder() / dataset.file
    if kept.is_file() and sha256(kept) == dataset.sha256:
        return kept
    try:
        with tempfile.TemporaryDirectory() as folder:
            fetched = Path(folder) / "fetched"
            pooch.HTTPDownloader(progressbar=True, timeout=TIMEOUT)(dataset.url, str(fetched), None)
            text = dataset.assemble(fetched) if dataset.assemble else fetched.read_bytes()
    except Exception as error:  # the downloader passes on any error of its transport
        raise DataError(f"could not get {dataset.url} ({error}); {_by_hand(dataset)}") from error
    found = hashlib.sha256(text).hexdigest()
    if found != dataset.sha256:
        raise DataError(
            f"{dataset.url} does not give the published {dataset.file}: SHA-256 {found}, expected {dataset.sha256}; "
            f"{_by_hand(dataset)}"
        )
    write_kept(kept, lambda file: file.write(text))
    return kept


def _by_hand(dataset: DataSet) -> str:
    return f"without a network, put {dataset.file} in a folder and set {DATA_FOLDER} to that folder"
