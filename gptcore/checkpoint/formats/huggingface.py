"""Reader of Hugging Face GPT-2 folders: config, weights in any of their containers, vocabulary.

GPT-2's matrices are stored as in `Conv1D`, (in, out). They are transposed by their name, never by their shape: a
square matrix fits both ways. Source: transformers' `modeling_gpt2.py` and `configuration_gpt2.py`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from gptcore.checkpoint import progress
from gptcore.checkpoint.assumptions import Assumption, activation, epsilon, tell
from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.build import HEAD, WTE, build, same_matrix
from gptcore.checkpoint.parts import chosen_config, first_five
from gptcore.checkpoint.safetensors_file import SafetensorsFile
from gptcore.checkpoint.sandbox.client import Opened, open_pickled
from gptcore.checkpoint.shapes import CONV1D, TURNED
from gptcore.checkpoint.state_names import OURS, TRANSFORMER, plain_names
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
READERS = 2
"""Number of threads that read weights; more were not faster."""
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
BY_LAYER, SCALED = "scale_attn_by_inverse_layer_idx", "scale_attn_weights"
"""Options that change how scores are scaled: folded into the weights of the queries."""
ONLY = {"add_cross_attention": False}
"""Options that change the arithmetic: the one value of each that this GPT computes, which is also the default.

`reorder_and_upcast_attn` is none of them: it orders the same operations in another way."""

_REMEDY = "copy or download the folder again"
_QUERIES = re.compile(r"transformer\.h\.\d+\.attn\.c_attn\.(weight|bias)")
"""Weights that make the queries, in their first third."""


def config_of(folder: Path) -> dict[str, Any] | None:
    """Return the folder's `config.json` if a Hugging Face model of any kind has it; None otherwise.

    Files of 2019 name no kind of model; they are known by GPT-2's sizes under Hugging Face's names.

    Raises:
        CheckpointError: the file is not JSON.
    """
    path = folder / CONFIG
    if not path.is_file():
        return None
    content = _json(path)
    if not isinstance(content, dict):
        return None
    named = "model_type" in content or "architectures" in content
    return content if named or {"n_positions", "n_embd", "n_layer", "n_head"} <= content.keys() else None


def read(
    folder: Path,
    content: Mapping[str, Any],
    config: GPTConfig | None,
    tokenizer: Tokenizer | None,
    file: tuple[str, Opened] | None = None,
) -> Checkpoint:
    """Read the checkpoint in `folder`, whose `config.json` holds `content`. `config` and `tokenizer` override its own.

    Args:
        file: the name of the file of the weights, and what was read from it, where it is not to be looked for.

    Raises:
        CheckpointError: a file is missing or damaged, or the model is not a plain GPT-2.
    """
    notices: list[str] = []
    assumed: list[Assumption] = []
    own = _config(folder, content)
    _tell_absent(content, notices, assumed)
    of_the_weights: list[str] = []
    state = _state(folder, of_the_weights, file)
    if own.tie_weights and HEAD in state and WTE in state and not same_matrix(state[WTE], state[HEAD]):
        own = replace(own, tie_weights=False)
        notices.append(
            f"{CONFIG} says that {WTE} and {HEAD} are one matrix, but the file holds two that differ; both are used, "
            "as transformers 5 does"
        )
    used = chosen_config(own, config, notices)
    notices += of_the_weights
    _fold_scales(content, state, used, notices)
    turned = sum(name.endswith(CONV1D) for name in state)
    model = build(used, state, notices)
    notices.append(TURNED.format(turned))
    info: dict[str, Any] = {
        "format": "huggingface",
        "source": str(folder / file[0] if file else folder),
        "notices": notices,
    }
    if config is None:
        tell(assumed, used, info)
    chosen = fitting(tokenizer or found_for(folder, used, notices), used, notices)
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


def _tell_absent(content: Mapping[str, Any], notices: list[str], assumed: list[Assumption]) -> None:
    """Tell what is missing: with a wrong number of heads, for example, the weights fit and the numbers are wrong."""
    absent = [name for name in SIZES if name not in content and ALIASES.get(name) not in content]
    if absent:
        taken = ", ".join(f"{name} = {SIZES[name]}" for name in absent)
        notices.append(f"{CONFIG} does not give all sizes; GPT-2's own are used: {taken}")
    if "activation_function" not in content:
        assumed.append(activation("gelu_tanh", f"{CONFIG} does not tell it, and transformers takes this one"))
    if "layer_norm_epsilon" not in content:
        assumed.append(epsilon(1e-5, f"{CONFIG} does not tell it, and transformers takes this one"))


def _fold_scales(
    content: Mapping[str, Any], state: Mapping[str, Tensor], config: GPTConfig, notices: list[str]
) -> None:
    """Multiply the queries' weights, so that dividing the scores by sqrt(D) gives what transformers computes.

    Source: `eager_attention_forward` in transformers' `modeling_gpt2.py`.
    """
    factors = {name: 1.0 for name in state if _QUERIES.fullmatch(name)}
    if content.get(BY_LAYER, False):
        factors = {name: factor / (int(name.split(".")[2]) + 1) for name, factor in factors.items()}
        notices.append(f"{CONFIG} sets {BY_LAYER}: the queries of each layer were divided by its number, from 1")
    if not content.get(SCALED, True):
        factors = {name: factor * config.head_dim**0.5 for name, factor in factors.items()}
        notices.append(f"{CONFIG} sets {SCALED} = False: the queries were multiplied by sqrt(D), which divides them")
    C = config.n_embd
    for name, factor in factors.items():
        if factor != 1 and state[name].size(0) == 3 * C:  # `build` reports any other shape
            state[name][:C] = (state[name][:C].double() * factor).to(state[name].dtype)


# ---- weights -------------------------------------------------------------------------------------------------------


def _state(folder: Path, notices: list[str], file: tuple[str, Opened] | None) -> dict[str, Tensor]:
    """Return the weights in nanoGPT's names and shapes. Few are in memory twice: they are transposed one by one."""
    state: dict[str, Tensor] = {}
    everything: list[str] = []
    files, promised = ([], None) if file else _files(folder, notices)
    for names, read, turned in [_opened(file[1])] if file else _containers(folder, files):
        everything += names
        plain = plain_names(names, [], among=promised)
        with ThreadPoolExecutor(READERS) as pool:  # most of the time is the first touch of new memory
            renamed = [name if name.startswith(OURS) else f"{TRANSFORMER}{name}" for name in plain]
            tensors = pool.map(partial(_read, read, turned), renamed, plain.values())
            for ours, tensor in zip(renamed, progress.counted(tensors, len(plain), "reading weights"), strict=True):
                if ours in state:
                    raise CheckpointError(f"{folder} holds two weights named {first_five([ours])}; {_REMEDY}")
                state[ours] = tensor
    plain_names(everything, notices, among=promised)  # once more, so that one notice counts all files together
    return state


Reader = Callable[[str], Tensor]
Container = tuple[list[str], Reader, Reader]
"""Names in a file, a function that reads one of them as it is, and one that reads it transposed."""


def _take_transposed(take: Reader, name: str) -> Tensor:
    tensor = take(name)
    return tensor.t().contiguous() if tensor.dim() == 2 else tensor  # `build` reports any other shape


def _read(read: Reader, turned: Reader, ours: str, stored: str) -> Tensor:
    return turned(stored) if ours.endswith(CONV1D) else read(stored)


def _containers(folder: Path, files: Iterable[str]) -> Iterator[Container]:
    for name in files:
        path = folder / name
        if not path.is_file():
            raise CheckpointError(f"{folder} lacks {name}, which holds a part of the weights; {_REMEDY}")
        if name.endswith(".safetensors"):
            with SafetensorsFile(path) as file:
                # the largest first: read last, in the file's order, it would leave the other threads without work
                yield sorted(file.entries, key=lambda each: -file.entries[each].nbytes), file.read, file.turned
        else:
            yield _opened(open_pickled(path))


def _opened(content: Opened) -> Container:
    take: Reader = content.state.pop
    return [*content.state, *content.facts["masks"]], take, partial(_take_transposed, take)


def _files(folder: Path, notices: list[str]) -> tuple[list[str], list[str] | None]:
    """Return the files of the weights, and the names in them if an index tells these.

    They are the first of `PLACES` that is there. A notice lists the others.
    """
    there = [name for name in PLACES if (folder / name).is_file()]
    if not there:
        raise CheckpointError(
            f"{folder} has a config.json but no weights ({' or '.join(SINGLE)}, or an index of shards); {_REMEDY}"
        )
    taken, *others = there
    if others:
        notices.append(f"the weights were read from {taken}, as transformers does; not used: {', '.join(others)}")
    return _shards(folder / taken) if taken in INDEX else ([taken], None)


def _shards(path: Path) -> tuple[list[str], list[str]]:
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
    return names, [*placed]


def _json(path: Path) -> Any:
    with path.open("rb") as file:
        raw = file.read(MOST_JSON_BYTES + 1)
    if len(raw) > MOST_JSON_BYTES:
        raise CheckpointError(f"{path} is larger than {MOST_JSON_BYTES:,} bytes, the most for such a file; {_REMEDY}")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); {_REMEDY}") from None
