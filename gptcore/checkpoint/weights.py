"""A state dict in nanoGPT's names into a GPT. This file knows no file format: tensors in, model out, or an error.

All is compared with the config before a weight is used, so that no model is ever loaded in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from gptcore.checkpoint.types import CheckpointError
from gptcore.config import GPTConfig
from gptcore.model import GPT

WTE, HEAD = "transformer.wte.weight", "lm_head.weight"
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def build(config: GPTConfig, state: Mapping[str, Tensor], notices: list[str]) -> GPT:
    """The GPT of `config` with the weights of `state`, in eval mode; what was changed is added to `notices`.

    Half precisions become float32 (all-double weights stay so). A tied matrix may stand under either of its two
    names. The model owns its weights: no two share memory but the tied ones, and none keeps a larger buffer alive.

    Raises:
        CheckpointError: weights are missing, unexpected, of another shape, or no plain floating-point tensors.
    """
    model = _empty(config, state)
    expected = {name: parameter.shape for name, parameter in model.named_parameters()}
    given = dict(state)
    if config.tie_weights and HEAD in given:
        head = given.pop(HEAD)
        if not same_matrix(given.setdefault(WTE, head), head):
            raise CheckpointError(
                f"the config says tie_weights, so {WTE} and {HEAD} are one matrix, but the file holds two that differ; "
                "load it with a config whose tie_weights is false"
            )
    _compare(given, expected)
    dtype = torch.float64 if all(tensor.dtype == torch.float64 for tensor in given.values()) else torch.float32
    others = sorted({_dtype_name(tensor.dtype) for tensor in given.values()} - {_dtype_name(dtype)})
    if others:
        notices.append(f"weights stored as {', '.join(others)} were turned into {_dtype_name(dtype)}")
    owned = {name: _owned(given[name].to(dtype)) for name in expected}
    if config.tie_weights:
        owned[HEAD] = owned[WTE]
    model.load_state_dict(owned, assign=True)
    if config.tie_weights:
        model.lm_head.weight = model.transformer.wte.weight
    return model.eval()


def same_matrix(one: Tensor, other: Tensor) -> bool:
    """Equal in each bit, also where both are NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.data_ptr() == other.data_ptr() and one.stride() == other.stride():
        return True
    return torch.equal(one.contiguous().view(torch.uint8), other.contiguous().view(torch.uint8))


def _empty(config: GPTConfig, state: Mapping[str, Tensor]) -> GPT:
    """The model without memory for its weights and without drawing random ones."""
    if config.n_layer > len(state):  # each layer has several weights; a billion layers would take hours to lay out
        raise CheckpointError(
            f"the config says {config.n_layer} layers (n_layer), but there are only {len(state)} weights; "
            "config and weights must be of the same model"
        )
    try:
        with torch.device("meta"):
            return GPT(config)
    except (RuntimeError, OverflowError, TypeError) as error:
        raise CheckpointError(f"no model can have these sizes: {config} ({_first_line(error)})") from None


def _compare(given: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> None:
    for name, tensor in given.items():
        if not isinstance(tensor, Tensor):
            raise CheckpointError(f"{name} should be a tensor, but is a {type(tensor).__name__}; save a state dict")
        if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
            kind = "quantized" if tensor.is_quantized else "meta" if tensor.is_meta else str(tensor.layout)[6:]
            raise CheckpointError(f"{name} is a {kind} tensor; dense ones are expected: save the model's plain weights")
        if tensor.dtype not in FLOATS and name in expected:
            allowed = ", ".join(map(_dtype_name, FLOATS))
            raise CheckpointError(f"{name} is of type {_dtype_name(tensor.dtype)}; expected is one of {allowed}")
    missing = [name for name in expected if name not in given]
    unexpected = [name for name in given if name not in expected]
    misshaped = [
        f"{name} is {tuple(given[name].shape)}, expected {tuple(shape)}"
        for name, shape in expected.items()
        if name in given and given[name].shape != shape
    ]
    found = [
        f"{len(names)} {what}: {first_five(names)}"
        for what, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", misshaped))
        if names
    ]
    if found:
        raise CheckpointError(
            f"the weights do not fit the config ({'; '.join(found)}); nothing was loaded. "
            "Config and weights must be of the same model"
        )


def first_five(names: Iterable[str]) -> str:
    """The first five of a list, and how many more there are; names as `repr`, for they may be a stranger's."""
    names = [name if name.isprintable() and len(name) <= 200 else repr(name[:200]) for name in names]
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _owned(tensor: Tensor) -> Tensor:
    """The tensor in memory of exactly its size: a view into a larger storage would keep all of that alive."""
    tensor = tensor.detach().contiguous()
    return tensor if tensor.untyped_storage().nbytes() == tensor.nbytes else tensor.clone()


def _dtype_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
