"""`load`: from a name or a path to a Checkpoint. This file tells formats apart by content; it reads none itself."""

from __future__ import annotations

import difflib
import os
from itertools import islice
from pathlib import Path

import torch

from gptcore.checkpoint import nanogpt, own
from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.parts import first_five
from gptcore.checkpoint.shipped import shipped_folder, shipped_models
from gptcore.config import GPTConfig
from gptcore.tokenizer import Tokenizer


def load(
    path_or_name: str | os.PathLike[str],
    *,
    config: GPTConfig | None = None,
    tokenizer: Tokenizer | None = None,
    device: str | torch.device = "cpu",
) -> Checkpoint:
    """A trained model: one that ships with gptscope by its name, or any file or folder of a known format.

    A name wins over a path of the same spelling; write "./name" for the path. Formats: our own folder (of `save`)
    and nanoGPT's `ckpt.pt`, recognised by content. `config` and `tokenizer` take the place of the file's own.
    No network is used. `info` of the result holds format, source, iter_num and best_val_loss where known, and
    notices: a sentence for each thing that was stripped, ignored, converted or inferred.

    Raises:
        CheckpointError: no such path, no known format, or a file that does not hold what it should.
        ValueError: the device does not exist here.

    >>> load("no-such-model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    gptcore.checkpoint.base.CheckpointError: there is no file or folder 'no-such-model', nor a shipped model ...
    """
    target = checked_device(device)
    path = _resolve(path_or_name)
    try:
        ckpt = _read(path, config, tokenizer)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}; check the file") from error
    ckpt.model.to(target)
    return ckpt


def checked_device(device: str | torch.device) -> torch.device:
    """The device, when this machine has it; else a ValueError that says so."""
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device is 'cpu', 'cuda', 'cuda:1' or the like, got {device!r}") from None
    try:
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"this machine has no device {str(found)!r} that PyTorch can use; take device='cpu'") from None
    return found


def _resolve(path_or_name: str | os.PathLike[str]) -> Path:
    text = os.fspath(path_or_name)
    if text in shipped_models():
        return shipped_folder() / text
    path = Path(text).expanduser()
    try:
        if path.exists():
            return path
        nearby = [str(path.with_name(entry.name)) for entry in islice(path.parent.iterdir(), 1000)] if path.name else []
    except (OSError, ValueError):  # not a folder, no permission, a null byte, a name too long
        nearby = []
    shipped = shipped_models()
    near = difflib.get_close_matches(text, [*shipped, *nearby], n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "check the path"
    raise CheckpointError(
        f"there is no file or folder {text!r}, nor a shipped model of that name "
        f"(there are: {', '.join(shipped) or 'none'}); {hint}"
    )


def _read(path: Path, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    if path.is_dir():
        if own.is_ours(path):
            return own.read(path, config, tokenizer)
        files = sorted(entry.name for entry in path.iterdir())
        raise CheckpointError(
            f"{path} is a folder without a model of ours (it holds {first_five(files) or 'nothing'}); expected is "
            'a config.json with "format": "gptscope", as gptcore.save writes it, or the path of a nanoGPT ckpt.pt'
        )
    with path.open("rb") as file:
        head = file.read(256)
    _refuse_known_strangers(path, head)
    return nanogpt.read(path, config, tokenizer)


def _refuse_known_strangers(path: Path, head: bytes) -> None:
    """Files that people really mistake for a checkpoint, each with its own remedy."""
    expected = "expected is the folder that gptcore.save writes or a nanoGPT ckpt.pt"
    if not head:
        raise CheckpointError(f"{path} is empty (0 bytes); {expected}: copy or download it again")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise CheckpointError(
            f"{path} is a web page, not a checkpoint; download the file itself (often the 'raw' link)"
        )
    if head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 2**32:
        raise CheckpointError(
            f"{path} is a bare safetensors file, weights without a config; {expected}: give the folder that holds it"
        )
    if head.lstrip()[:1] == b"{":
        raise CheckpointError(f"{path} is a JSON file; {expected}: give the folder that holds it")
