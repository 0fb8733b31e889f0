"""`load`: from a name or a path to a Checkpoint. This file recognises formats by content; it reads none itself."""

from __future__ import annotations

import difflib
import os
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch

from gptcore.checkpoint import hub, vocabulary
from gptcore.checkpoint.assumptions import assuming
from gptcore.checkpoint.base import Checkpoint, CheckpointError, OnTheHubError, OpenInsteadError
from gptcore.checkpoint.formats import bare, huggingface, nanogpt, native
from gptcore.checkpoint.info import checked
from gptcore.checkpoint.parts import first_five
from gptcore.checkpoint.safetensors_file import SafetensorsFile, starts_like_one
from gptcore.checkpoint.sandbox.client import Opened, open_pickled
from gptcore.checkpoint.shapes import has_conv1d
from gptcore.checkpoint.shipped import shipped_folder, shipped_models
from gptcore.checkpoint.state_names import is_mask
from gptcore.checkpoint.training_files import BEST, LAST, SETTINGS
from gptcore.checkpoint.vocabulary import Vocabulary
from gptcore.config import GPTConfig
from gptcore.tokenizer import Tokenizer

OF_FILES = (".pt", ".pth", ".bin", ".safetensors", ".json", ".pkl")
"""Suffixes that mark a text as a path, although it could also be spelled like owner/name on the hub."""
WEIGHTS = ("model.safetensors", "pytorch_model.bin", "pytorch_model_fsdp.bin")
"""Files of weights without a config, as accelerate names them; its other files are not weights."""
STRANGERS = {
    "a GGUF file, llama.cpp's": b"GGUF",
    "an HDF5 file, Keras's": b"\x89HDF\r\n",
    "a NumPy array (.npy)": b"\x93NUMPY",
}
"""Files of other programs, by how they begin."""


def load(
    path_or_name: str | os.PathLike[str],
    *,
    config: GPTConfig | None = None,
    tokenizer: Vocabulary | None = None,
    device: str | torch.device = "cpu",
    revision: str | None = None,
    activation: str | None = None,
    layer_norm_epsilon: float | None = None,
) -> Checkpoint:
    """Return a trained model: a shipped one by its name, a file or folder of a known format, or one from the hub.

    Formats, recognised by content: gptscope's own folder (of `save`), nanoGPT's and build-nanogpt's `ckpt.pt`,
    minGPT's `model.pt` and other bare state dicts, as PyTorch or safetensors files, Hugging Face's GPT-2 folders and
    their files, or a folder that holds one such file; and the folder of a training, even while it runs: the best
    weights so far. A shipped name wins over a path of the same spelling; write "./name" for the path. `owner/name` that
    is not a path is downloaded from the Hugging Face hub (extra `hub`); nothing else uses the network.

    Args:
        path_or_name: the checkpoint to load.
        config: replaces the file's own; needed for a bare state dict, whose shapes do not tell the number of heads.
        tokenizer: replaces the file's own; also the path of a meta.pkl, a tokenizer.json or a folder with
            vocab.json and merges.txt, or a data set's name, such as "openwebtext", for GPT-2's vocabulary.
        device: the device of the weights.
        revision: branch, tag or commit of a model on the hub.
        activation: "gelu" or "gelu_tanh", in place of the file's own or of the one that is assumed.
        layer_norm_epsilon: likewise.

    Returns:
        The model in eval mode. `info` holds format, source, iter_num and best_val_loss where known, and notices: a
        sentence for each thing that was stripped, transposed, upcast, inferred, assumed or ignored; `assumptions`
        lists what the file does not tell and changes the numbers (`assumptions.py`).

    Raises:
        CheckpointError: there is no such path, the format is unknown, or the file's content is wrong.
        ValueError: this machine has no such device, or no GPT has such an activation or epsilon.

    >>> load("no-such-model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    gptcore.checkpoint.base.OpenInsteadError: there is no file or folder 'no-such-model', nor a shipped model ...
    """
    target = checked_device(device)
    chosen = vocabulary.given(tokenizer)
    path, hub_name = _resolve(path_or_name, revision)
    asked = {"activation": activation, "layer_norm_epsilon": layer_norm_epsilon}
    choices = {name: value for name, value in asked.items() if value is not None}
    with torch.inference_mode(False):  # whose tensors no gradient could be computed of, and no change be noticed
        try:
            ckpt = _read(path, config, chosen)
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}; check the file") from error
        ckpt = replace(ckpt, info=checked(ckpt.info))
        if choices:
            ckpt = assuming(ckpt, **choices)
        ckpt.model.to(target)
    if hub_name:
        ckpt.info.update(source=hub_name, revision=path.name)
    return ckpt


def checked_device(device: str | torch.device) -> torch.device:
    """Return the device. Raise ValueError if this machine does not have it."""
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ValueError(f"device must be 'cpu', 'cuda', 'cuda:1' or the like, got {device!r}") from None
    try:
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise ValueError(f"this machine has no device {str(found)!r} that PyTorch can use; use device='cpu'") from None
    return found


def _resolve(path_or_name: str | os.PathLike[str], revision: str | None) -> tuple[Path, str | None]:
    """Return the path of the files, and the model's name on the hub if they came from there."""
    text = os.fspath(path_or_name)
    if text in shipped_models():
        return shipped_folder() / text, None
    path = Path(text).expanduser()
    try:
        if path.exists():
            return path, None
        nearby = [str(path.with_name(entry.name)) for entry in islice(path.parent.iterdir(), 1000)] if path.name else []
    except (OSError, ValueError):  # not a folder, no permission, a null byte, a name too long
        nearby = []
    if hub.looks_like_hub_name(text) and not path.parent.is_dir() and path.suffix not in OF_FILES:
        try:
            return hub.fetch(text, revision), text
        except CheckpointError as error:
            raise CheckpointError(f"there is no file or folder {text!r} here, and on the hub: {error}") from error
    shipped = shipped_models()
    if name := hub.whole_name(text):
        raise OnTheHubError(f"there is no file or folder {text!r}; on the Hugging Face hub it is {name!r}", [name])
    near = difflib.get_close_matches(text, [*shipped, *nearby], n=3)
    hint = f"did you mean {' or '.join(map(repr, near))}?" if near else "check the path"
    raise OpenInsteadError(
        f"there is no file or folder {text!r}, nor a shipped model of that name "
        f"(there are: {', '.join(shipped) or 'none'}); {hint}",
        near,
    )


def _read(path: Path, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    if path.is_dir():
        return _read_folder(path, config, tokenizer)
    if not path.is_file():
        raise CheckpointError(f"{path} is a pipe or a device, which may never end; copy its content to a file")
    with path.open("rb") as file:
        head = file.read(256)
    _refuse_known_strangers(path, head)
    if starts_like_one(head):
        if native.is_own_file(path):
            return native.read(path.parent, config, tokenizer)
        content = _open_safetensors(path)
    else:
        content = open_pickled(path)
    if nanogpt.sizes_of(content.facts) is not None:
        return nanogpt.read(path, content, config, tokenizer)
    if has_conv1d(content.state) and (theirs := huggingface.config_of(path.parent)) is not None:
        return huggingface.read(path.parent, theirs, config, tokenizer, file=(path.name, content))
    return bare.read(path, content, config, tokenizer)


def _open_safetensors(path: Path) -> Opened:
    """Return the weights of a safetensors file, which holds nothing else."""
    with SafetensorsFile(path) as file:
        masks = {name: list(entry.shape) for name, entry in file.entries.items() if is_mask(name)}
        state = {name: file.read(name) for name in file.entries if name not in masks}
    return Opened(state, {"masks": masks, "not_causal": [], "optimizer": False})


def _read_folder(path: Path, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    if native.is_ours(path):
        return native.read(path, config, tokenizer)
    if (content := huggingface.config_of(path)) is not None:
        return huggingface.read(path, content, config, tokenizer)
    if (path / SETTINGS).is_file() and (best := next((f for f in (BEST, LAST) if (path / f).is_file()), None)):
        return _read(path / best, config, tokenizer)
    files = sorted(entry.name for entry in path.iterdir())
    pickled = [name for name in files if name.endswith((".pt", ".pth")) and (path / name).is_file()]
    if len(pickled) == 1:  # the output folder of nanoGPT or minGPT
        return _read(path / pickled[0], config, tokenizer)
    bare_files = [name for name in WEIGHTS if (path / name).is_file()]
    if bare_files:
        return _read(path / bare_files[0], config, tokenizer)
    if pickled:
        raise OpenInsteadError(
            f"{path} holds {len(pickled)} checkpoints ({first_five(pickled)}); give the path of one of them",
            [str(path / name) for name in pickled],
        )
    if (path / SETTINGS).is_file():
        raise CheckpointError(
            f"{path} is the folder of a training (it holds {SETTINGS}) and has no weights yet; wait for its first "
            "evaluation"
        )
    if inner := [name for name in files if name.startswith("checkpoint-") and (path / name).is_dir()]:
        raise OpenInsteadError(
            f"{path} holds no model itself, but the checkpoints {first_five(inner)}; give the path of one of them, "
            f"such as {path / inner[-1]}",
            [str(path / name) for name in inner],
        )
    raise CheckpointError(
        f"{path} is a folder without a model (it holds {first_five(files) or 'nothing'}); expected is one that "
        "gptcore.save wrote, a Hugging Face GPT-2 folder with its config.json, or the path of a nanoGPT ckpt.pt or a "
        "minGPT model.pt"
    )


def _refuse_known_strangers(path: Path, head: bytes) -> None:
    """Raise CheckpointError for files that people often mistake for a checkpoint, each with its own remedy."""
    expected = (
        "expected is a folder that gptcore.save wrote, a Hugging Face folder, a nanoGPT ckpt.pt or minGPT model.pt"
    )
    if not head:
        raise CheckpointError(f"{path} is empty (0 bytes); {expected}: copy or download it again")
    if head.startswith(b"version https://git-lfs"):
        raise CheckpointError(f"{path} is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'")
    if head.lstrip().lower().startswith((b"<!doctype", b"<html")):
        raise CheckpointError(
            f"{path} is a web page, not a checkpoint; download the file itself (often the 'raw' link)"
        )
    for kind, starts in STRANGERS.items():
        if head.startswith(starts):
            raise CheckpointError(f"{path} is {kind}, which is not read here; {expected}")
    if head[:1] == b"\x80" and b"vocab_size" in head:
        raise CheckpointError(
            f"{path} is a vocabulary, as nanoGPT's meta.pkl; {expected}: open the checkpoint, with this file beside it"
        )
    if head.lstrip()[:1] == b"{":
        raise CheckpointError(f"{path} is a JSON file; {expected}: give the folder that holds it")
