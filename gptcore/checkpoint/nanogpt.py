"""Reads nanoGPT's `ckpt.pt`, as `train.py` of nanoGPT and our own trainer write it. This file writes nothing.

Source: nanoGPT's `train.py`: a dict with model, optimizer, model_args, iter_num, best_val_loss and config.
"""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.parts import chosen_config, first_five, fitting_tokenizer
from gptcore.checkpoint.weights import HEAD, WTE, build, check_plain, same_matrix
from gptcore.config import ConfigError, GPTConfig
from gptcore.tokenizer import IdTokenizer, Tokenizer, tokenizer_from_json

PREFIXES = ("_orig_mod.", "module.")
"""What `torch.compile` and DistributedDataParallel put before each key."""
OLD_BUFFERS = re.compile(r"transformer\.h\.\d+\.attn\.(bias|masked_bias)")
"""The causal mask, which old versions stored among the weights."""
MODEL_ARGS = ("n_layer", "n_head", "n_embd", "block_size", "bias", "vocab_size", "dropout")
OUR_MODEL_ARGS = ("tie_weights", "activation", "layer_norm_epsilon")
"""What our own trainer adds, because nanoGPT leaves it implicit."""


def read(path: Path, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    """The checkpoint in the file at `path`; nothing in it is run. `config` and `tokenizer` win over the file's own.

    Raises:
        CheckpointError: the file is no such checkpoint, or a part of it is missing or wrong.
    """
    content = _unpickle(path)
    if not isinstance(content, dict) or not isinstance(content.get("model"), Mapping):
        raise CheckpointError(
            f"{path} is a PyTorch file with {_described(content)}; expected is a nanoGPT checkpoint, a dict with "
            "'model' (the state dict) and 'model_args'"
        )
    notices: list[str] = []
    state = _plain_state(content["model"], notices)
    check_plain(state)
    config = _config(path, content.get("model_args"), state, config, notices)
    model = build(config, state, notices)
    if content.get("optimizer") is not None:
        notices.append("the optimizer's state was ignored")
    chosen = fitting_tokenizer(tokenizer or _tokenizer(path, content, config, notices), config, notices)
    info: dict[str, Any] = {"format": "nanogpt", "source": str(path)}
    for name in ("iter_num", "best_val_loss"):
        if (number := _number(content.get(name))) is not None:
            info[name] = number
    if isinstance(content.get("config"), Mapping):
        info["train_config"] = {str(k): v for k, v in content["config"].items() if isinstance(v, str | int | float)}
    return Checkpoint(model, chosen, config, info | {"notices": notices})


def _unpickle(path: Path) -> Any:
    """torch.load without running code. Its own messages advise to switch the check off, so none is passed on."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a TorchScript archive; refused below
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # of a damaged file, torch.load raises almost any
        text = str(error)
        if "TorchScript" in text:
            raise CheckpointError(f"{path} is a TorchScript archive; {_SAVE_STATE_DICT}") from None
        if name := re.search(r"GLOBAL ([\w.]+)|global ([\w.]+)", text):
            raise CheckpointError(
                f"{path} is a pickle that asks for {name[1] or name[2]!r}, which is code and not weights, so it was "
                f"refused; {_SAVE_STATE_DICT}"
            ) from None
        kind = "damaged or cut short" if _looks_like_torch(path) else "no PyTorch file"
        raise CheckpointError(
            f"{path} is {kind} ({type(error).__name__}); expected is a nanoGPT ckpt.pt or the folder that gptcore.save "
            "writes: copy or download it again"
        ) from None


_SAVE_STATE_DICT = (
    "where the model can be run, save its state dict as nanoGPT does: "
    "torch.save({'model': model.state_dict(), 'model_args': model_args}, 'ckpt.pt')"
)


def _looks_like_torch(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4).startswith((b"PK\x03\x04", pickle.PROTO))


def _described(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    keys = [str(key) for key in content]
    return f"a {type(content).__name__} of {len(keys)} keys ({first_five(keys) or 'none'})"


def _plain_state(model: Mapping[Any, Any], notices: list[str]) -> dict[str, Tensor]:
    """The state dict in nanoGPT's own names, without what wrappers and old versions added."""
    state: dict[str, Tensor] = {}
    stripped, buffers = set(), 0
    for key, value in model.items():
        name = str(key)
        while prefix := next((p for p in PREFIXES if name.startswith(p)), None):
            name = name.removeprefix(prefix)
            stripped.add(prefix)
        if OLD_BUFFERS.fullmatch(name):
            buffers += 1
        elif name in state:
            raise CheckpointError(f"the file holds two weights named {name!r}, one with a prefix; leave one")
        else:
            state[name] = value
    if stripped:
        notices.append(f"the prefix {' and '.join(sorted(stripped))} was taken off the names of the weights")
    if buffers:
        notices.append(
            f"{buffers} stored causal masks (attn.bias, attn.masked_bias) were ignored: they hold no weights"
        )
    return state


def _config(
    path: Path, model_args: object, state: Mapping[str, Tensor], given: GPTConfig | None, notices: list[str]
) -> GPTConfig:
    if not isinstance(model_args, Mapping):
        if given is not None:
            return given
        raise CheckpointError(
            f"{path} has no 'model_args', so the model's sizes are unknown; pass config=GPTConfig(...) "
            "with the values it was trained with"
        )
    fields = {name: model_args[name] for name in (*MODEL_ARGS, *OUR_MODEL_ARGS) if name in model_args}
    ignored = [str(name) for name in model_args if name not in fields]
    if ignored:
        notices.append(f"model_args holds {first_five(ignored)}, which nanoGPT does not have; ignored")
    if "bias" not in fields:
        fields["bias"] = "transformer.ln_f.bias" in state
        notices.append(f"model_args has no bias; {fields['bias']} was inferred from the weights")
    if "tie_weights" not in fields and _holds_two_matrices(state):
        fields["tie_weights"] = False
        notices.append(f"{WTE} and {HEAD} differ, so the head is not tied, unlike nanoGPT's own")
    try:
        config = GPTConfig.from_dict(fields)
    except ConfigError as error:
        if given is not None:
            return given
        raise CheckpointError(f"the model_args of {path} make no GPT ({error}); pass config=GPTConfig(...)") from None
    return chosen_config(config, given, notices)


def _holds_two_matrices(state: Mapping[str, Tensor]) -> bool:
    return WTE in state and HEAD in state and not same_matrix(state[WTE], state[HEAD])


def _tokenizer(path: Path, content: Mapping[str, Any], config: GPTConfig, notices: list[str]) -> Tokenizer:
    """Our own, from within the file or from beside it; else plain ids."""
    inside = content.get("tokenizer")
    if inside is not None:
        try:
            return tokenizer_from_json(inside)
        except ValueError as error:
            raise CheckpointError(
                f"the tokenizer in {path} is not readable ({error}); pass one as tokenizer=..."
            ) from None
    beside = path.with_name("tokenizer.json")
    if beside.is_file():
        try:
            tokenizer = tokenizer_from_json(json.loads(beside.read_bytes()))
        except (ValueError, RecursionError) as error:
            notices.append(f"{beside.name} beside the file is not a tokenizer of ours and was ignored ({error})")
        else:
            notices.append(f"the tokenizer was read from {beside.name} beside the file")
            return tokenizer
    notices.append("the file has no vocabulary: text is ids with spaces between; pass tokenizer=... for words")
    return IdTokenizer(config.vocab_size)


def _number(value: object) -> int | float | None:
    """nanoGPT stores the loss as a float or as a tensor of one element, by version."""
    if isinstance(value, Tensor) and value.numel() == 1 and value.layout is torch.strided and not value.is_meta:
        value = value.item()
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
