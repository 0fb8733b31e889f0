"""Assumptions: what a file does not tell and what changes its numbers, the value that is taken, and the others.

An assumption is plain data in `Checkpoint.info["assumptions"]`, so that it outlives saving. This file knows no format.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypedDict, get_args

from gptcore.checkpoint.base import Checkpoint
from gptcore.config import Activation, GPTConfig
from gptcore.model import GPT
from gptcore.skip_init import twin
from gptcore.tokenizer.bounded import one_line


class Assumption(TypedDict):
    """One thing that the file does not tell."""

    field: str
    """A field of `GPTConfig`, or a setting of the program that made the file."""
    value: Any
    """The value that is computed with."""
    others: list[Any]
    """Values that may be right as well: `load(..., activation="gelu_tanh")` takes one. Empty where there is none."""
    why: str
    """The reason, as a part of a sentence: programs have one or the other."""


MOST = 600
"""Characters of a stranger's field and reason."""
ACTIVATIONS: tuple[str, ...] = get_args(Activation)


def activation(value: str, why: str) -> Assumption:
    """Return the assumption of an activation; the others are all that a GPT has."""
    others = [each for each in ACTIVATIONS if each != value]
    return {"field": "activation", "value": value, "others": others, "why": why}


def epsilon(value: float, why: str) -> Assumption:
    """Return the assumption of the number that layer norms add to the variance."""
    others = [each for each in (1e-5, 1e-6, 1e-12) if each != value]
    return {"field": "layer_norm_epsilon", "value": value, "others": others, "why": why}


def reason(assumed: Assumption) -> str:
    """Return what is assumed, and why."""
    if not assumed["others"]:
        return f"{assumed['field']} was passed over: {assumed['why']}"
    return f"{assumed['field']} = {assumed['value']!r} is assumed: {assumed['why']}"


def sentence(assumed: Assumption) -> str:
    """Return a notice: what is assumed, why, and how to load with another value.

    >>> sentence(activation("gelu", "the file does not tell it"))  # doctest: +ELLIPSIS
    "activation = 'gelu' is assumed: the file does not tell it; load(..., activation='gelu_tanh') takes the other..."
    """
    field, others = assumed["field"], assumed["others"]
    if not others:
        return reason(assumed)
    which = "the other" if len(others) == 1 else "another"
    choice = f"{field}={others[0]!r}"
    return f"{reason(assumed)}; load(..., {choice}) takes {which}, or pass config=GPTConfig(..., {choice})"


def stored(info: Mapping[str, Any]) -> list[Assumption]:
    """Return the assumptions that a file has kept, as far as they are some: a stranger may have written anything."""
    kept = info.get("assumptions")
    found = [each for each in kept if _is_one(each)] if isinstance(kept, list) else []
    return [each | {"field": one_line(each["field"], MOST), "why": one_line(each["why"], MOST)} for each in found]


def _is_one(kept: Any) -> bool:
    if not isinstance(kept, dict) or kept.keys() != Assumption.__annotations__.keys():
        return False
    field, values = kept["field"], kept["others"]
    if not isinstance(field, str) or not isinstance(kept["why"], str) or not isinstance(values, list):
        return False
    if not values:
        return kept["value"] is None
    if field == "activation":
        return all(isinstance(value, str) and value in ACTIVATIONS for value in (kept["value"], *values))
    return field == "layer_norm_epsilon" and all(
        isinstance(value, float) and 0 < value < math.inf for value in (kept["value"], *values)
    )


def tell(assumed: Iterable[Assumption], config: GPTConfig, info: dict[str, Any]) -> None:
    """Add to a checkpoint's `info` what is assumed in this config; what the caller has decided is no assumption."""
    fields = config.to_dict()
    open_ones = [each for each in assumed if fields.get(each["field"], each["value"]) == each["value"]]
    if open_ones:
        info["assumptions"] = open_ones
        info["notices"] += [sentence(each) for each in open_ones]


def assuming(ckpt: Checkpoint, **choices: Any) -> Checkpoint:
    """Return the same weights under another activation or epsilon. They share memory; `ckpt` stays as it is.

    >>> from gptcore.tokenizer import CharTokenizer
    >>> config = GPTConfig(block_size=8, vocab_size=3, n_layer=1, n_head=1, n_embd=4)
    >>> ckpt = Checkpoint(GPT(config).eval(), CharTokenizer("abc"), config)
    >>> other = assuming(ckpt, activation="gelu_tanh")
    >>> other.config.activation, other.model.lm_head.weight.data_ptr() == ckpt.model.lm_head.weight.data_ptr()
    ('gelu_tanh', True)

    Raises:
        ConfigError: there is no such activation, or the epsilon is not positive.
    """
    config = replace(ckpt.config, **choices)
    model = twin(GPT, config, ckpt.model.state_dict())
    return Checkpoint(model, ckpt.tokenizer, config, _decided(ckpt.info, choices))


def _decided(info: Mapping[str, Any], choices: Mapping[str, Any]) -> dict[str, Any]:
    """Return `info` without the assumptions that were decided, and with what was chosen in their notices' place."""
    known: list[Assumption] = info.get("assumptions", [])
    settled = [each for each in known if each["field"] in choices]
    told = {sentence(each) for each in settled}
    notices = [notice for notice in info.get("notices", []) if notice not in told]
    notices += [f"{field} = {value!r}, as it was asked for" for field, value in choices.items()]
    rest = [each for each in known if each not in settled]
    kept = {name: value for name, value in info.items() if name not in ("notices", "assumptions")}
    return {**kept, **({"assumptions": rest} if rest else {}), "notices": notices}
