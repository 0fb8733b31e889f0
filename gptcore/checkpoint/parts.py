"""Steps that all formats share after reading: the caller's config, facts of the training, names in sentences.

This file knows no format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from gptcore.config import GPTConfig

SETTINGS = ("model_args", "config", "model_config", "gpt_config", "hyper_parameters", "args", "hparams", "cfg")
"""Keys of a checkpoint under which programs store the sizes of the model, or the settings of its training."""
_ITERATIONS = ("iter_num", "step", "global_step")
_LOSSES = ("best_val_loss", "val_loss")
"""A training's facts by the names that programs give them, nanoGPT's first."""


def chosen_config(own: GPTConfig, given: GPTConfig | None, notices: list[str]) -> GPTConfig:
    """Return `given` if there is one, else the file's `own` config. Add a notice of each difference between the two."""
    if given is None or given == own:
        return own
    mine, theirs = own.to_dict(), given.to_dict()
    changed = [f"{name} {mine[name]!r} by {theirs[name]!r}" for name in mine if mine[name] != theirs[name]]
    notices.append(f"the given config replaced the file's own {', '.join(changed)}")
    return given


def training_facts(facts: Mapping[str, Any], notices: list[str]) -> dict[str, Any]:
    """Return the facts about its training that a checkpoint holds besides the weights, for `info`."""
    if facts["optimizer"]:
        notices.append("the optimizer's state was ignored")
    found: dict[str, Any] = {}
    for names in (_ITERATIONS, _LOSSES):
        told = (facts.get(name) for name in names)
        numbers = (value for value in told if isinstance(value, int | float) and not isinstance(value, bool))
        if (number := next(numbers, None)) is not None:
            found[names[0]] = number
    settings = facts.get("config")
    if isinstance(settings, Mapping):
        found["train_config"] = {k: v for k, v in settings.items() if isinstance(v, str | int | float)}
    return found


def first_five(names: Iterable[str]) -> str:
    """Return the first five names and the number of the rest; names that are long or unprintable as their `repr`."""
    shown = [name if name.isprintable() and len(name) <= 200 else repr(name[:200]) for name in names]
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")
