"""Reader of a `ckpt.pt` that holds the model's sizes, as nanoGPT, build-nanogpt and `gptcore.train` write it.

Source: nanoGPT's `train.py`: a dict with model, optimizer, model_args, iter_num, best_val_loss and config;
build-nanogpt's `train_gpt2.py`: a dict with model, config (its GPTConfig object), step and val_loss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from gptcore.checkpoint.assumptions import Assumption, activation, epsilon, tell
from gptcore.checkpoint.base import Checkpoint, CheckpointError, VocabularyError
from gptcore.checkpoint.build import HEAD, WTE, build, same_matrix
from gptcore.checkpoint.masks import refuse_other_attention
from gptcore.checkpoint.parts import SETTINGS, chosen_config, first_five, training_facts
from gptcore.checkpoint.sandbox.client import Opened
from gptcore.checkpoint.shapes import sizes_from_weights, turn_conv1d
from gptcore.checkpoint.state_names import plain_names
from gptcore.checkpoint.vocabulary import fitting, found_for
from gptcore.config import ConfigError, GPTConfig
from gptcore.tokenizer import Tokenizer
from gptcore.tokenizer.bounded import shown
from gptcore.tokenizer.strangers import from_stranger

MODEL_ARGS = ("n_layer", "n_head", "n_embd", "block_size", "bias", "vocab_size", "dropout")
OUR_MODEL_ARGS = ("tie_weights", "activation", "layer_norm_epsilon")
"""Keys that `gptcore.train` adds, because nanoGPT leaves them implicit."""
BUILD_NANOGPT = {"block_size", "vocab_size", "n_layer", "n_head", "n_embd"}
"""All fields of build-nanogpt's GPTConfig."""
GELU = (
    "the file does not tell which GELU it was trained with; nanoGPT had the tanh GELU until 14 June 2023, and "
    "build-nanogpt has it"
)
EPSILON = "the file does not tell it; nanoGPT has no other"


def sizes_of(facts: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """Return the key under which a file keeps the model's sizes, and these; None where it keeps none.

    `model_args` is nanoGPT's place, whatever it holds; elsewhere the number of heads must be among them, which is the
    one size that the weights do not tell.
    """
    if "model_args" in facts:
        return "model_args", facts["model_args"]
    found = ((key, facts.get(key)) for key in SETTINGS)
    return next(((key, held) for key, held in found if isinstance(held, Mapping) and "n_head" in held), None)


def read(path: Path, content: Opened, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    """Read the checkpoint at `path`. `config` and `tokenizer` override the file's own.

    Raises:
        CheckpointError: a part of it is missing or wrong.
    """
    notices: list[str] = []
    facts = content.facts
    refuse_other_attention(path, facts)
    names = plain_names([*content.state, *facts["masks"]], notices)
    state = {name: content.state[stored] for name, stored in names.items()}
    turn_conv1d(state, notices)
    assumed: list[Assumption] = []
    config = _config(path, facts, state, config, notices, assumed)
    model = build(config, state, notices)
    training = training_facts(facts, notices)
    info = {"format": "nanogpt", "source": str(path), **training, "notices": notices}
    tell(assumed, config, info)
    chosen = tokenizer or _own_tokenizer(path, facts.get("tokenizer"))
    chosen = chosen or found_for(path.parent, config, notices, facts.get("config"))
    return Checkpoint(model, fitting(chosen, config, notices), config, info)


def _config(
    path: Path,
    facts: Mapping[str, Any],
    state: Mapping[str, Tensor],
    given: GPTConfig | None,
    notices: list[str],
    assumed: list[Assumption],
) -> GPTConfig:
    where, told = sizes_of(facts) or ("model_args", None)
    if not isinstance(told, Mapping):
        if given is not None:
            notices.append("the file has no model_args; the given config is used")
            return given
        raise CheckpointError(
            f"{path} has no 'model_args', so the model's sizes are unknown; pass config=GPTConfig(...) "
            "with the values that it was trained with"
        )
    fields = {name: told[name] for name in (*MODEL_ARGS, *OUR_MODEL_ARGS) if told.get(name) is not None}
    if where == "model_args":
        assumed += _unknown(told)
    else:  # the settings of a training, or another program's config: it may leave out what the weights tell
        shapes = sizes_from_weights(state)
        taken = ", ".join(f"{name} = {fields[name]!r}" for name in shapes | {"n_head": 0} if name in fields)
        notices.append(f"the sizes were read from {where!r}: {taken}")
        fields = shapes | fields
    if "bias" not in fields:
        fields["bias"] = "transformer.ln_f.bias" in state
        notices.append(f"{where} has no bias; {fields['bias']} was inferred from the weights")
    if "activation" not in fields:
        if where == "config" and set(told) == BUILD_NANOGPT:
            fields["activation"] = "gelu_tanh"
            assumed.append(activation("gelu_tanh", "this config is build-nanogpt's, which has the tanh GELU"))
        else:
            assumed.append(activation("gelu", GELU))
    if "layer_norm_epsilon" not in fields:
        assumed.append(epsilon(1e-5, EPSILON))
    if "tie_weights" not in fields and _holds_two_matrices(state):
        fields["tie_weights"] = False
        notices.append(f"{WTE} and {HEAD} differ, so the head is not tied, unlike nanoGPT's own")
    try:
        config = GPTConfig.from_dict(fields)
    except ConfigError as error:
        if given is not None:
            notices.append(f"the file's {where} do not describe a GPT ({error}); the given config is used")
            return given
        raise CheckpointError(
            f"the {where} of {path} do not describe a GPT ({error}); pass config=GPTConfig(...)"
        ) from None
    if given is not None:
        assumed[:] = [each for each in assumed if not each["others"]]  # the caller has decided the rest
    return chosen_config(config, given, notices)


def _unknown(told: Mapping[str, Any]) -> Iterator[Assumption]:
    """Yield what the model_args of another program say that nanoGPT does not know, unless it is switched off."""
    for name, value in told.items():
        if name not in (*MODEL_ARGS, *OUR_MODEL_ARGS) and value not in (None, False, 0, "", [], {}):
            yield {
                "field": first_five([str(name)]),
                "value": None,
                "others": [],
                "why": f"the file sets it to {shown(value)}, and nanoGPT has no such option: where it changes the "
                "arithmetic, the numbers here are not those of the program that made the file",
            }


def _holds_two_matrices(state: Mapping[str, Tensor]) -> bool:
    return WTE in state and HEAD in state and not same_matrix(state[WTE], state[HEAD])


def _own_tokenizer(path: Path, inside: object) -> Tokenizer | None:
    """Return the tokenizer that `gptcore.train` stored in the file; None if there is none."""
    try:
        return None if inside is None else from_stranger(inside)
    except ValueError as error:
        raise VocabularyError(f"the tokenizer in {path} cannot be read ({error}); pass one as tokenizer=...") from None
