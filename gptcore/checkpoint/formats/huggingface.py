"""Reader of Hugging Face GPT-2 folders: config, weights in any of their containers, vocabulary.

GPT-2's matrices are stored as in `Conv1D`, (in, out). They are transposed by their name, never by their shape: a
square matrix fits both ways. Source: transformers' `modeling_gpt2.py` and `configuration_gpt2.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from gptcore.checkpoint import progress
from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.build import build
from gptcore.checkpoint.parts import chosen_config, first_five
from gptcore.checkpoint.safetensors_file import SafetensorsFile
from gptcore.checkpoint.sandbox.client import open_pickled
from gptcore.checkpoint.state_names import plain_names
from gptcore.checkpoint.vocabulary import fitting, found_for
from gptcore.config import ConfigError, GPTConfig
from gptcore.tokenizer import Tokenizer
from gptcore.tokenizer.bounded import shown

CONFIG = "config.json"
SINGLE = ("model.safetensors", "pytorch_model.bin")
INDEX = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
PLACES = (SINGLE[0], INDEX[0], SINGLE[1], INDEX[1])
"""Files of weights, in the order in which transformers looks for them."""
MOST_JSON_BYTES = 2**22
PREFIX = "transformer."
READERS = 2
"""Number of threads that read weights; more were not faster."""
CONV1D = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
"""Weights that are stored as (in, out), where nn.Linear has (out, in)."""
ACTIVATIONS = {"gelu_new": "gelu_tanh", "gelu_pytorch_tanh": "gelu_tanh", "gelu": "gelu"}
SIZES = {"n_positions": 1024, "vocab_size": 50257, "n_layer": 12, "n_head": 12, "n_embd": 768}
"""Default of each size that the config does not give: that of the smallest GPT-2."""
ALIASES = {
    "n_positions": "max_position_embeddings",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_embd": "hidden_size",
}
"""Second name of a size, which transformers reads as well (`attribute_map`)."""
ONLY = {
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
    "reorder_and_upcast_attn": False,
    "add_cross_attention": False,
}
"""Options that change the arithmetic: the one value of each that this GPT computes, which is also the default."""

_REMEDY = "copy or download the folder again"


def config_of(folder: Path) -> dict[str, Any] | None:
    """Return the folder's `config.json` if a Hugging Face model of any kind has it; None otherwise.

    Raises:
        CheckpointError: the file is not JSON.
    """
    path = folder / CONFIG
    if not path.is_file():
        return None
    content = _json(path)
    known = isinstance(content, dict) and ("model_type" in content or "architectures" in content)
    return content if known else None


def read(folder: Path, content: Mapping[str, Any], config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    """Read the checkpoint in `folder`, whose `config.json` holds `content`. `config` and `tokenizer` override its own.

    Raises:
        CheckpointError: a file is missing or damaged, or the model is not a plain GPT-2.
    """
    notices: list[str] = []
    own = _config(folder, content)
    _tell_absent(content, notices)
    used = chosen_config(own, config, notices)
    state = _state(folder, notices)
    turned = sum(name.endswith(CONV1D) for name in state)
    model = build(used, state, notices)
    notices.append(f"{turned} weights of Conv1D layers were transposed to nn.Linear's (out, in)")
    chosen = fitting(tokenizer or found_for(folder, used, notices), used, notices)
    info = {"format": "huggingface", "source": str(folder), "notices": notices}
    return Checkpoint(model, chosen, used, info)


def _config(folder: Path, content: Mapping[str, Any]) -> GPTConfig:
    path = folder / CONFIG
    if content.get("model_type", "gpt2") != "gpt2":
        raise CheckpointError(
            f"{path} belongs to a {content['model_type']!r} model; only GPT-2's architecture ('gpt2') can be shown"
        )
    for name, value in ONLY.items():
        if content.get(name, value) != value:
            raise CheckpointError(
                f"{path} sets {name} = {content[name]!r}, which changes the arithmetic; this GPT computes only "
                f"{name} = {value!r}, so its numbers would be wrong: load a checkpoint without this option"
            )
    activation = content.get("activation_function", "gelu_new")
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise CheckpointError(
            f"{path} sets activation_function = {activation!r}; known are {', '.join(ACTIVATIONS)}, and with another "
            "one the numbers would be wrong: load a checkpoint with one of these"
        )
    sizes = _sizes(path, content)
    C, inner = sizes["n_embd"], content.get("n_inner")
    if inner is not None and isinstance(C, int) and inner != 4 * C:  # a C that is not a number is refused below
        raise CheckpointError(
            f"{path} sets n_inner = {inner!r}; only 4C = {4 * C} can be shown: load a checkpoint with that"
        )
    fields = {
        "block_size": sizes.pop("n_positions"),
        **sizes,
        "tie_weights": content.get("tie_word_embeddings", True),
        "activation": ACTIVATIONS[activation],
        "layer_norm_epsilon": content.get("layer_norm_epsilon", 1e-5),
    }
    try:
        return GPTConfig.from_dict(fields)
    except ConfigError as error:
        raise CheckpointError(f"{path} does not describe a GPT ({error}); {_REMEDY}") from None


def _sizes(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return each size by either of its names. Raise if both differ: transformers takes the alias, but one is wrong."""
    found: dict[str, Any] = {}
    for name, default in SIZES.items():
        said = {key: content[key] for key in (name, ALIASES.get(name, name)) if key in content}
        values = [*said.values(), default]
        if len(said) == 2 and not (all(isinstance(value, int | float) for value in values) and values[0] == values[1]):
            both = " and ".join(f"{key} = {shown(value)}" for key, value in said.items())
            raise CheckpointError(f"{path} sets {both}, two names of one size; keep only the right one")
        found[name] = values[0]
    return found


def _tell_absent(content: Mapping[str, Any], notices: list[str]) -> None:
    """Add a notice of missing sizes: with a wrong number of heads, the weights fit and the numbers are wrong."""
    absent = [name for name in SIZES if name not in content and ALIASES.get(name) not in content]
    if absent:
        taken = ", ".join(f"{name} = {SIZES[name]}" for name in absent)
        notices.append(f"{CONFIG} does not give all sizes; GPT-2's own are used: {taken}")


# ---- weights -------------------------------------------------------------------------------------------------------


def _state(folder: Path, notices: list[str]) -> dict[str, Tensor]:
    """Return the weights in nanoGPT's names and shapes. Few are in memory twice: they are transposed one by one."""
    state: dict[str, Tensor] = {}
    everything: list[str] = []
    prefixed = 0
    for names, read, turned in _containers(folder, notices):
        everything += names
        plain = plain_names(names, [])
        renamed = [name if name.startswith((PREFIX, "lm_head.")) else PREFIX + name for name in plain]
        prefixed += sum(ours != name for ours, name in zip(renamed, plain, strict=True))
        with ThreadPoolExecutor(READERS) as pool:  # most of the time is the first touch of new memory
            tensors = pool.map(partial(_read, read, turned), renamed, plain.values())
            for ours, tensor in zip(renamed, progress.counted(tensors, len(plain), "reading weights"), strict=True):
                if ours in state:
                    raise CheckpointError(f"{folder} holds two weights named {first_five([ours])}; {_REMEDY}")
                state[ours] = tensor
    plain_names(everything, notices)  # once more, so that one notice counts all files together
    if prefixed:
        notices.append(f"{prefixed} weights had no prefix {PREFIX!r}; it was added")
    return state


Reader = Callable[[str], Tensor]
Container = tuple[list[str], Reader, Reader]
"""Names in a file, a function that reads one of them as it is, and one that reads it transposed."""


def _take_transposed(take: Reader, name: str) -> Tensor:
    tensor = take(name)
    return tensor.t().contiguous() if tensor.dim() == 2 else tensor  # `build` reports any other shape


def _read(read: Reader, turned: Reader, ours: str, stored: str) -> Tensor:
    return turned(stored) if ours.endswith(CONV1D) else read(stored)


def _containers(folder: Path, notices: list[str]) -> Iterator[Container]:
    for name in _files(folder, notices):
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{folder} lacks {name}, which holds a part of the weights; {_REMEDY}")
        if name.endswith(".safetensors"):
            with SafetensorsFile(path) as file:
                # the largest first: read last, in the file's order, it would leave the other threads without work
                yield sorted(file.entries, key=lambda each: -file.entries[each].nbytes), file.read, file.turned
        else:
            content = open_pickled(path)
            take: Reader = content.state.pop
            yield [*content.state, *content.facts["masks"]], take, partial(_take_transposed, take)


def _files(folder: Path, notices: list[str]) -> list[str]:
    """Return the files of the weights: the first of `PLACES` that is there. A notice lists the others."""
    there = [name for name in PLACES if (folder / name).is_file()]
    if not there:
        raise CheckpointError(
            f"{folder} has a config.json but no weights ({' or '.join(SINGLE)}, or an index of shards); {_REMEDY}"
        )
    taken, *others = there
    if others:
        notices.append(f"the weights were read from {taken}, as transformers does; not used: {', '.join(others)}")
    return _shards(folder / taken) if taken in INDEX else [taken]


def _shards(path: Path) -> list[str]:
    content = _json(path)
    placed = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(placed, dict) or not placed:
        raise CheckpointError(f"{path} needs a 'weight_map', an object of weight to file; {_REMEDY}")
    names = list(dict.fromkeys(name if isinstance(name, str) else repr(name) for name in placed.values()))
    for name in names:
        plain = Path(name).name == name and "\\" not in name and ":" not in name
        if not plain or not name.endswith((".safetensors", ".bin")):
            raise CheckpointError(
                f"{path} names the shard {first_five([name])}, which is not a file of weights in the same folder; "
                f"{_REMEDY}"
            )
    return names


def _json(path: Path) -> Any:
    with path.open("rb") as file:
        raw = file.read(MOST_JSON_BYTES + 1)
    if len(raw) > MOST_JSON_BYTES:
        raise CheckpointError(f"{path} is larger than {MOST_JSON_BYTES:,} bytes, the most for such a file; {_REMEDY}")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); {_REMEDY}") from None
