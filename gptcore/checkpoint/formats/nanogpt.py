"""Reader of nanoGPT's `ckpt.pt`, written by nanoGPT's `train.py` or by `gptcore.train`. This file writes nothing.

Source: nanoGPT's `train.py`: a dict with model, optimizer, model_args, iter_num, best_val_loss and config.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from gptcore.checkpoint.base import Checkpoint, CheckpointError
from gptcore.checkpoint.build import HEAD, WTE, build, same_matrix
from gptcore.checkpoint.masks import refuse_other_attention
from gptcore.checkpoint.parts import chosen_config, first_five, training_facts
from gptcore.checkpoint.sandbox.client import Pickled
from gptcore.checkpoint.state_names import plain_names
from gptcore.checkpoint.vocabulary import fitting, found_for
from gptcore.config import ConfigError, GPTConfig
from gptcore.tokenizer import Tokenizer, tokenizer_from_json

MODEL_ARGS = ("n_layer", "n_head", "n_embd", "block_size", "bias", "vocab_size", "dropout")
OUR_MODEL_ARGS = ("tie_weights", "activation", "layer_norm_epsilon")
"""Keys that `gptcore.train` adds, because nanoGPT leaves them implicit."""


def read(path: Path, content: Pickled, config: GPTConfig | None, tokenizer: Tokenizer | None) -> Checkpoint:
    """Read the checkpoint at `path`. `config` and `tokenizer` override the file's own.

    Raises:
        CheckpointError: a part of it is missing or wrong.
    """
    notices: list[str] = []
    facts = content.facts
    refuse_other_attention(path, facts)
    names = plain_names([*content.state, *facts["masks"]], notices)
    state = {name: content.state[stored] for name, stored in names.items()}
    config = _config(path, facts.get("model_args"), state, config, notices)
    model = build(config, state, notices)
    training = training_facts(facts, notices)
    chosen = tokenizer or _own_tokenizer(path, facts.get("tokenizer"))
    chosen = chosen or found_for(path.parent, config, notices, facts.get("config"))
    info = {"format": "nanogpt", "source": str(path), **training, "notices": notices}
    return Checkpoint(model, fitting(chosen, config, notices), config, info)


def _config(
    path: Path, model_args: object, state: Mapping[str, Tensor], given: GPTConfig | None, notices: list[str]
) -> GPTConfig:
    if not isinstance(model_args, Mapping):
        if given is not None:
            notices.append("the file has no model_args; the given config is used")
            return given
        raise CheckpointError(
            f"{path} has no 'model_args', so the model's sizes are unknown; pass config=GPTConfig(...) "
            "with the values that it was trained with"
        )
    fields = {name: model_args[name] for name in (*MODEL_ARGS, *OUR_MODEL_ARGS) if name in model_args}
    ignored = [str(name) for name in model_args if name not in fields]
    if ignored:
        notices.append(f"model_args holds {first_five(ignored)}, which nanoGPT does not have; ignored")
    if "bias" not in fields:
        fields["bias"] = "transformer.ln_f.bias" in state
        notices.append(f"model_args has no bias; {fields['bias']} was inferred from the weights")
        if "activation" not in fields and given is None:
            notices.append(
                "a file without bias is from before February 2023, and nanoGPT had the tanh GELU until mid-2023; "
                "activation = 'gelu' is assumed: if it was trained with the other, pass config=GPTConfig(..., "
                "activation='gelu_tanh')"
            )
    if "tie_weights" not in fields and _holds_two_matrices(state):
        fields["tie_weights"] = False
        notices.append(f"{WTE} and {HEAD} differ, so the head is not tied, unlike nanoGPT's own")
    try:
        config = GPTConfig.from_dict(fields)
    except ConfigError as error:
        if given is not None:
            notices.append(f"the file's model_args do not describe a GPT ({error}); the given config is used")
            return given
        raise CheckpointError(
            f"the model_args of {path} do not describe a GPT ({error}); pass config=GPTConfig(...)"
        ) from None
    return chosen_config(config, given, notices)


def _holds_two_matrices(state: Mapping[str, Tensor]) -> bool:
    return WTE in state and HEAD in state and not same_matrix(state[WTE], state[HEAD])


def _own_tokenizer(path: Path, inside: object) -> Tokenizer | None:
    """Return the tokenizer that `gptcore.train` stored in the file; None if there is none."""
    try:
        return None if inside is None else tokenizer_from_json(inside)
    except ValueError as error:
        raise CheckpointError(f"the tokenizer in {path} cannot be read ({error}); pass one as tokenizer=...") from None
