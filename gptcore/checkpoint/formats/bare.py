"""Reader of weights without a config: minGPT's `model.pt`, nanoGPT's or Hugging Face's weights alone, in any container.

The sizes are inferred from the shapes of the weights, with a notice; the shapes do not tell the number of heads.
Source: minGPT's `mingpt/model.py` and `projects/chargpt/chargpt.py`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gptcore.checkpoint.assumptions import Assumption, activation, epsilon, tell
from gptcore.checkpoint.base import Checkpoint, CheckpointError, HeadsUnknownError
from gptcore.checkpoint.build import HEAD, WTE, build, same_matrix
from gptcore.checkpoint.formats.native import refuse_changed_config
from gptcore.checkpoint.masks import refuse_other_attention
from gptcore.checkpoint.parts import first_five, training_facts
from gptcore.checkpoint.sandbox.client import Opened
from gptcore.checkpoint.shapes import WPE, sizes_from_weights, turn_conv1d
from gptcore.checkpoint.state_names import plain_names
from gptcore.checkpoint.vocabulary import fitting, found_for
from gptcore.config import ConfigError, GPTConfig
from gptcore.tokenizer import Tokenizer

MODEL_TYPES = {
    "openai-gpt": 12, "gpt2": 12, "gpt2-medium": 16, "gpt2-large": 20, "gpt2-xl": 25,
    "gopher-44m": 16, "gpt-mini": 6, "gpt-micro": 4, "gpt-nano": 3,
}  # fmt: skip
"""Number of heads of minGPT's model types."""
TANH = "gelu_tanh"
MOST_CONFIG_BYTES = 2**20


def read(path: Path, content: Opened, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    """Read the checkpoint at `path`. The config comes from the caller, from `config.json` beside it, or from shapes.

    Raises:
        CheckpointError: the weights are not a GPT's, or the number of heads is not known.
    """
    refuse_other_attention(path, content.facts)
    notices: list[str] = []
    names = plain_names([*content.state, *content.facts["masks"]], notices)
    state = {name: content.state[stored] for name, stored in names.items()}
    _check_is_gpt(path, state)
    turned = turn_conv1d(state, notices)
    untied = HEAD in state and not same_matrix(state[WTE], state[HEAD])
    beside, mingpts = _config_beside(path) if config is None else ({}, False)
    shapes = {
        **sizes_from_weights(state),
        "tie_weights": not (untied or mingpts),
        # minGPT is untied, with the tanh GELU, as Hugging Face's; nanoGPT is tied, with the exact one
        "activation": TANH if untied or mingpts or turned else "gelu",
    }
    assumed: list[Assumption] = []
    used = _config(path, shapes, beside, mingpts, config, notices, assumed)
    model = build(used, state, notices)
    training = training_facts(content.facts, notices)
    info = {
        "format": "huggingface" if turned else "mingpt" if untied or mingpts else "nanogpt",
        "source": str(path),
        **training,
        "notices": notices,
    }
    tell(assumed, used, info)
    chosen = fitting(tokenizer or found_for(path.parent, used, notices), used, notices)
    return Checkpoint(model, chosen, used, info)


def _check_is_gpt(path: Path, state: Mapping[str, Tensor]) -> None:
    lacking = [name for name in (WTE, WPE) if name not in state or state[name].dim() != 2]
    if lacking:
        raise CheckpointError(
            f"{path} holds weights, but no matrix {' and no '.join(lacking)}, so they are not a GPT's in the names of "
            f"nanoGPT or minGPT (it holds {first_five(state) or 'nothing'}); for Hugging Face's, give their folder"
        )


def _config(
    path: Path,
    shapes: dict[str, Any],
    beside: Mapping[str, Any],
    mingpts: bool,
    given: GPTConfig | None,
    notices: list[str],
    assumed: list[Assumption],
) -> GPTConfig:
    if given is not None:
        untold = f"n_head = {given.n_head}, activation = {given.activation!r}"
        notices.append(
            f"the file has no config; the given one is used, also for values that the weights do not tell: {untold}"
        )
        return given
    for name, value in shapes.items():
        if (
            name not in ("activation", "tie_weights")
            and type(beside.get(name)) is type(value)
            and beside[name] != value
        ):
            raise CheckpointError(
                f"config.json beside {path} says {name} = {beside[name]!r}, the weights say {value!r}; they belong to "
                "different models: take both from the same training, or pass config=GPTConfig(...)"
            )
    heads, where = _heads(beside)
    if heads is None:
        call = ", ".join(f"{name}={value!r}" for name, value in shapes.items())
        guess = "" if mingpts else "where the activation is a guess, "
        raise HeadsUnknownError(
            f"{path} holds weights without a config, and they do not tell the number of heads (n_head); pass "
            f"config=GPTConfig(n_head=..., {call}), {guess}or put minGPT's config.json beside the file",
            known=shapes,
        )
    told = {name: beside[name] for name in ("activation", "layer_norm_epsilon", "tie_weights") if name in beside}
    try:
        config = GPTConfig.from_dict({**shapes, **told, "n_head": heads})
    except ConfigError as error:
        raise CheckpointError(
            f"the weights in {path} and {where} do not describe a GPT ({error}); pass config=GPTConfig(...)"
        ) from None
    inferred = ", ".join(f"{name} = {value!r}" for name, value in shapes.items() if name not in ("activation", *told))
    notices.append(
        f"the file has no config: {inferred} were inferred from the weights; n_head = {heads} comes from {where}"
    )
    if mingpts:
        notices.append(f"activation = {config.activation!r} is minGPT's, whose config.json lies beside the file")
    elif "activation" not in told:
        assumed.append(activation(config.activation, "the weights do not tell it, and programs differ in it"))
    if "layer_norm_epsilon" not in told and not mingpts:
        assumed.append(epsilon(1e-5, "the weights do not tell it"))
    return config


def _config_beside(path: Path) -> tuple[dict[str, Any], bool]:
    """Return the model's part of the `config.json` beside the weights ({} without one), and True if minGPT wrote it.

    minGPT's training writes a file with the parts system, data, model and trainer; `gptcore.save` one with a config.
    """
    file = path.with_name("config.json")
    if not file.is_file():
        return {}, False
    try:
        with file.open("rb") as opened:
            content = json.loads(opened.read(MOST_CONFIG_BYTES))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{file} is not JSON ({error}); repair it, or pass config=GPTConfig(...)") from None
    whole = content if isinstance(content, dict) else {}
    if "sha256" in whole or "weights" in whole:
        refuse_changed_config(path.parent)
    part = whole.get("model", whole.get("config", whole))  # minGPT's, gptcore's, or the fields alone
    if not isinstance(part, dict):
        return {}, False
    return part, "model" in whole and "model_type" in part


def _heads(beside: Mapping[str, Any]) -> tuple[int | None, str]:
    """Return the number of heads, and the place that tells it."""
    if type(beside.get("n_head")) is int:
        return beside["n_head"], "config.json"
    model_type = beside.get("model_type")
    known = MODEL_TYPES.get(model_type) if isinstance(model_type, str) else None
    return known, f"config.json's model_type {model_type!r}"
