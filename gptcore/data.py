"""Training texts: where they are found, how they are split, and the batches drawn from them.

This file knows text and token ids; it knows no model.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

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


DATASETS = {
    "tinyshakespeare": DataSet(
        file="tinyshakespeare.txt",
        url="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
        licence="public-domain text (William Shakespeare), collected in karpathy/char-rnn",
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


def read_text(name_or_path: str) -> str:
    """The whole text of a named data set or a file, line ends as they stand."""
    path = find_text(name_or_path)
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); convert it first") from None
    if not text:
        raise DataError(f"{path} is empty; there is nothing to train on")
    return text


@dataclasses.dataclass(frozen=True)
class Splits:
    """Token ids to train on and to hold out, each (N,) int64."""

    train: Tensor
    val: Tensor


def split(ids: list[int], block_size: int, train_share: float = 0.9) -> Splits:
    """The first 90 % to train on, the last 10 % held out, as nanoGPT's `prepare.py` splits.

    Raises:
        DataError: a part that holds no window of block_size + 1 tokens.

    >>> parts = split(list(range(100)), block_size=4)
    >>> len(parts.train), len(parts.val)
    (90, 10)
    """
    tokens = torch.tensor(ids, dtype=torch.int64)
    cut = int(len(tokens) * train_share)
    parts = Splits(tokens[:cut], tokens[cut:])
    for name, part in (("train", parts.train), ("validation", parts.val)):
        if len(part) <= block_size:
            raise DataError(
                f"the {name} split has {len(part)} tokens, and a context of {block_size} needs at least "
                f"{block_size + 1}; give more text or a smaller block_size"
            )
    return parts


def random_batch(tokens: Tensor, block_size: int, batch_size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Windows at random places: inputs and, one token further, targets, each (B, T) int64."""
    starts = torch.randint(len(tokens) - block_size, (batch_size,), generator=generator)
    windows = torch.stack([tokens[start : start + block_size + 1] for start in starts.tolist()])
    return windows[:, :-1], windows[:, 1:]


def all_windows(tokens: Tensor, block_size: int, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The whole text once, in windows side by side: inputs and targets, each (B, T); every target exactly once.

    The last window is shorter than the others and comes in a batch of its own.

    >>> [tuple(x.shape) for x, y in all_windows(torch.arange(8), block_size=3, batch_size=2)]
    [(2, 3), (1, 1)]
    """
    whole = (len(tokens) - 1) // block_size
    inputs = tokens[: whole * block_size].view(whole, block_size)
    targets = tokens[1 : whole * block_size + 1].view(whole, block_size)
    yield from zip(inputs.split(batch_size), targets.split(batch_size), strict=True)
    rest = tokens[None, whole * block_size :]  # at least the last token, which is a target only
    if rest.size(1) > 1:
        yield rest[:, :-1], rest[:, 1:]
