"""Where training texts are found: files, folders of them, and public data sets by name. Knows no tokens."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path

DATA_FOLDER = "GPTSCOPE_DATA"
"""The environment variable that names a folder where data sets already lie, so that nothing is downloaded."""


class DataError(ValueError):
    """A data set that is not there, not what it should be, or too small to train on."""


@dataclasses.dataclass(frozen=True)
class DataSet:
    """A public text by its address, with the hash that proves it is the right one."""

    file: str
    url: str
    sha256: str
    licence: str
    held_out: tuple[int, int] | None = None
    """How many documents, at the end, are the published validation and test splits; None: the last 10 % of bytes."""


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
        url="https://github.com/uci-soe/FairytaleQAData",
        sha256="62402822ebbb846e7bd7c9197e96ea1fc8cee8ac6cd05d873bcda9492a84f161",
        licence="Project Gutenberg stories, public domain, collected in FairytaleQA, Apache-2.0",
        held_out=(23, 23),
    ),
}


def find_text(name_or_path: str) -> Path:
    """The file of a named data set or of a path.

    A name is looked up in the folder that `$GPTSCOPE_DATA` names, then in the user's cache, then downloaded there
    (package `pooch`); wherever it comes from, its hash is checked.

    Raises:
        DataError: neither a file nor a known name, not the right content, or not to be downloaded.
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
    """The file's hash, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_hash(path: Path, dataset: DataSet) -> None:
    found = sha256(path)
    if found != dataset.sha256:
        raise DataError(f"{path} is not the published {dataset.file}: SHA-256 {found}, expected {dataset.sha256}")


def _download(dataset: DataSet) -> Path:
    import pooch  # only who downloads needs it

    try:
        return Path(
            pooch.retrieve(
                dataset.url,
                known_hash=f"sha256:{dataset.sha256}",
                fname=dataset.file,
                path=pooch.os_cache("gptscope"),
                progressbar=True,
            )
        )
    except Exception as error:  # pooch passes on whatever its transport raises
        raise DataError(
            f"could not download {dataset.url} ({error}); "
            f"without a network, put {dataset.file} in a folder and set {DATA_FOLDER} to that folder"
        ) from error
