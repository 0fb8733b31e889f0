"""The gptscope folder: `config.json`, `model.safetensors` and `tokenizer.json`, in which any changed byte is detected.

`config.json` holds the SHA-256 of the other two and of itself, and must stay exactly as it was written. Other files
in the folder, such as a model card, are left alone. This file knows no other format.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from gptcore.checkpoint import progress
from gptcore.checkpoint.assumptions import stored, tell
from gptcore.checkpoint.base import Checkpoint, CheckpointError, VocabularyError
from gptcore.checkpoint.build import FLOATS, HEAD, build, dtype_name
from gptcore.checkpoint.parts import chosen_config
from gptcore.checkpoint.safetensors_file import SafetensorsFile
from gptcore.checkpoint.vocabulary import fitting
from gptcore.config import ConfigError, GPTConfig
from gptcore.tokenizer import Tokenizer
from gptcore.tokenizer.bounded import read_json
from gptcore.tokenizer.strangers import from_stranger

FORMAT, VERSION = "gptscope", 1
CONFIG, WEIGHTS, TOKENIZER = "config.json", "model.safetensors", "tokenizer.json"
TOKENIZER_PART = "tokenizer"
"""The part of `config.json` that names the file of the vocabulary."""
MOST_CONFIG_BYTES = 2**20
OF_THE_LOADING = ("format", "source", "notices")
"""Keys of `info` that describe the loading, not the model; `save` leaves them out."""

_REMEDY = "copy or download the folder again, or write it anew with gptcore.save"


def save(ckpt: Checkpoint, folder: str | os.PathLike[str], *, dtype: torch.dtype | None = None) -> None:
    """Write `ckpt` as a gptscope folder, all of it or nothing: it is written beside and renamed when complete.

    An existing gptscope folder is replaced; other files in it are kept. `dtype`, such as `torch.float16`, stores the
    weights in another precision; `load` converts half precision back to float32.

    Raises:
        ValueError: there is something else at this place; a weight is too large for `dtype`; `info` is not plain data.
        OSError: the disk is full or read-only; the previous content is unchanged.

    >>> import tempfile
    >>> from gptcore.checkpoint.load import load
    >>> from gptcore.model import GPT
    >>> from gptcore.tokenizer import CharTokenizer
    >>> config = GPTConfig(block_size=8, vocab_size=3, n_layer=1, n_head=1, n_embd=4)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Checkpoint(GPT(config).eval(), CharTokenizer("abc"), config, {"iter_num": 7}), folder)
    ...     load(folder).info["iter_num"]
    7
    """
    target = Path(folder).expanduser().resolve()
    _refuse_to_replace(target)
    info = {name: value for name, value in ckpt.info.items() if name not in OF_THE_LOADING}
    try:
        json.dumps(info)
    except (TypeError, ValueError) as error:
        raise ValueError(f"info must be plain data, as JSON holds: numbers, strings, lists, dicts ({error})") from None
    weights = _stored(ckpt, dtype)
    target.parent.mkdir(parents=True, exist_ok=True)
    new = _sibling(target)
    try:
        if target.is_dir():
            ours = shutil.ignore_patterns(CONFIG, WEIGHTS, TOKENIZER)
            shutil.copytree(
                target, new, symlinks=True, ignore=lambda at, names: ours(at, names) if at == str(target) else set()
            )
        else:
            new.mkdir()
        try:
            save_file(weights, new / WEIGHTS, metadata={"format": "pt"})
        except SafetensorError as error:  # the Rust part's error for a full disk
            raise OSError(f"the weights cannot be written: {error}") from error
        (new / TOKENIZER).write_text(json.dumps(ckpt.tokenizer.to_json()), encoding="utf-8")
        shutil.copymode(new / TOKENIZER, new / WEIGHTS)  # safetensors makes its file readable only by the owner
        stored_as = dtype_name(next(iter(weights.values())).dtype)
        content = {
            "format": FORMAT,
            "version": VERSION,
            "config": ckpt.config.to_dict(),
            "weights": {"file": WEIGHTS, "sha256": _sha256(new / WEIGHTS), "dtype": stored_as},
            TOKENIZER_PART: {"file": TOKENIZER, "sha256": _sha256(new / TOKENIZER)},
            "info": info,
        }
        (new / CONFIG).write_bytes(_sealed(content))
        _swap(new, target)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def is_ours(folder: Path) -> bool:
    """Return True if the folder's `config.json` says that it is a gptscope folder.

    Raises:
        CheckpointError: `config.json` is damaged.
    """
    if not (folder / CONFIG).is_file():
        return False
    _, content = _parsed(folder)
    return isinstance(content, dict) and content.get("format") == FORMAT


def is_own_file(path: Path) -> bool:
    """Return True if this is the weights' file of a gptscope folder, unchanged."""
    if path.name != WEIGHTS or not is_ours(path.parent):
        return False
    _, content = _parsed(path.parent)
    entry = content.get("weights")
    return isinstance(entry, dict) and entry.get("sha256") == _sha256(path)


def refuse_changed_config(folder: Path) -> None:
    """Raise CheckpointError unless the `config.json` of a gptscope folder is as it was written."""
    raw, content = _parsed(folder)
    if raw != _sealed({k: v for k, v in content.items() if k != "sha256"}):
        raise CheckpointError(f"{folder / CONFIG} was changed since it was written: its SHA-256 differs; {_REMEDY}")


def read(folder: Path, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    """Read the checkpoint in `folder` and verify each hash. `config` and `tokenizer` override the folder's own.

    Raises:
        CheckpointError: a file is missing, was changed, or has wrong content.
    """
    _, content = _parsed(folder)
    version = content.get("version")
    if type(version) is not int or version != VERSION:
        raise CheckpointError(
            f"{folder} has version {version!r} of the gptscope format, and only version {VERSION} can be read; "
            "update gptscope"
        )
    refuse_changed_config(folder)
    progress.tell(0.02, "checking the files")
    notices: list[str] = []
    try:
        own_config = GPTConfig.from_dict(_part(folder, content, "config"))
    except ConfigError as error:
        raise CheckpointError(f"the config in {folder / CONFIG} does not describe a GPT ({error}); {_REMEDY}") from None
    weights = _verified(folder, _part(folder, content, "weights"), "weights")
    with SafetensorsFile(weights) as file:
        state = {name: file.read(name) for name in progress.counted(file.entries, len(file.entries), "reading weights")}
    used = chosen_config(own_config, config, notices)
    model = build(used, state, notices)
    own_tokenizer = tokenizer or _tokenizer(_verified(folder, _part(folder, content, TOKENIZER_PART), TOKENIZER_PART))
    info = {**_part(folder, content, "info"), "format": FORMAT, "source": str(folder), "notices": notices}
    assumed = stored(info)
    info.pop("assumptions", None)
    tell(assumed, used, info)
    return Checkpoint(model, fitting(own_tokenizer, used, notices), used, info)


def _parsed(folder: Path) -> tuple[bytes, Any]:
    path = folder / CONFIG
    with path.open("rb") as file:
        raw = file.read(MOST_CONFIG_BYTES + 1)
    if len(raw) > MOST_CONFIG_BYTES:
        raise CheckpointError(f"{path} is larger than {MOST_CONFIG_BYTES:,} bytes, the most for a config; {_REMEDY}")
    try:
        return raw, json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); {_REMEDY}") from None


def _part(folder: Path, content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    if not isinstance(part, dict):
        raise CheckpointError(f"{folder / CONFIG} needs {name!r}, an object, but has {type(part).__name__}; {_REMEDY}")
    return part


def _verified(folder: Path, entry: Mapping[str, Any], what: str) -> Path:
    """Return the path of a file of the folder. Raise unless its SHA-256 is the one in `config.json`."""
    name, promised = entry.get("file"), entry.get("sha256")
    if not isinstance(name, str) or not re.fullmatch(r"[\w-][\w.-]*", name):
        raise CheckpointError(f"the {what} must be a file in the same folder, but {CONFIG} names {name!r}; {_REMEDY}")
    path = folder / name
    if not path.is_file():
        raise _wrong(what)(f"{folder} lacks {name}, which holds the {what}; {_REMEDY}")
    found = _sha256(path)
    if found != promised:
        raise _wrong(what)(
            f"{path} is not the file that was saved: its SHA-256 is {found[:12]}..., but {CONFIG} says "
            f"{str(promised)[:12]}...; {_REMEDY}"
        )
    return path


def _wrong(what: str) -> type[CheckpointError]:
    return VocabularyError if what == TOKENIZER_PART else CheckpointError


def _tokenizer(path: Path) -> Tokenizer:
    try:
        return from_stranger(read_json(path))
    except ValueError as error:
        raise VocabularyError(f"{path} is not a gptscope tokenizer ({error}); {_REMEDY}") from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sealed(content: Mapping[str, Any]) -> bytes:
    """Return the only valid bytes of `content`, its own hash last: reading and sealing again gives the same bytes."""
    digest = hashlib.sha256(json.dumps(content, indent=2).encode()).hexdigest()
    return json.dumps({**content, "sha256": digest}, indent=2).encode() + b"\n"


def _stored(ckpt: Checkpoint, dtype: torch.dtype | None) -> dict[str, Tensor]:
    """Return the weights by their names on the CPU, in `dtype`, without a tied head's second name."""
    if dtype is not None and dtype not in FLOATS:
        raise ValueError(f"dtype must be one of {', '.join(map(dtype_name, FLOATS))}, got {dtype}")
    weights = {}
    for name, tensor in ckpt.model.state_dict().items():
        if name == HEAD and ckpt.config.tie_weights:
            continue
        weights[name] = tensor.detach().to("cpu", dtype or tensor.dtype).contiguous()
        if tensor.isfinite().all() and not weights[name].isfinite().all():
            raise ValueError(f"{name} holds values too large for {dtype_name(weights[name].dtype)}; use bfloat16")
    return weights


def _refuse_to_replace(target: Path) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not target.is_dir() or not is_ours(target):
        kind = "not a gptscope folder" if target.is_dir() else "a file"
        raise ValueError(f"{target} is {kind}, so it is not replaced; save to a new folder, or remove it first")


def _sibling(target: Path) -> Path:
    """Return a free name beside `target`: on the same disk, so that a rename is enough to move it."""
    return target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}")


def _swap(new: Path, target: Path) -> None:
    """Put `new` in the place of `target`. After any interruption, one of the two is there."""
    old = _sibling(target)
    try:
        if target.exists():
            target.rename(old)
        new.rename(target)
    finally:
        if old.exists() and target.exists():
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            old.rename(target)
