"""From a state dict in nanoGPT's names to a GPT. This file knows no file format: tensors in, model or error out.

Every weight is compared with the config before any is used, so that no model is ever loaded in part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from gptcore.checkpoint import progress
from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.parts import first_five
from gptcore.config import GPTConfig
from gptcore.model import GPT
from gptcore.skip_init import Unfilled

WTE, HEAD = "transformer.wte.weight", "lm_head.weight"
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
LEAST_OF_A_LAYER = 6
"""Number of weights of a layer without biases."""
LAYERS_AT_ONCE = 100
"""Number of layers that are always built, even if the file has fewer weights, so that the error names the missing."""


def build(config: GPTConfig, state: dict[str, Tensor], notices: list[str]) -> GPT:
    """Return the GPT of `config` with the weights of `state`, in eval mode. Add each change to `notices`.

    Half precision becomes float32; weights that are all float64 stay so. A tied matrix may stand under either of its
    two names. The model owns its weights: no two share memory except the tied ones, and none keeps a larger buffer
    alive. `state` is emptied on the way, so that no weight is in memory in two precisions for long.

    Raises:
        CheckpointError: weights are missing, unexpected, of another shape, or not plain floating-point tensors.
    """
    check_plain(state)
    model = _empty(config, state)
    expected = {name: parameter.shape for name, parameter in model.named_parameters()}
    if config.tie_weights and HEAD in state:
        head = state.pop(HEAD)
        if not same_matrix(state.setdefault(WTE, head), head):
            raise CheckpointError(
                f"the config has tie_weights=True, so {WTE} and {HEAD} are one matrix, but the file holds two that "
                "differ; load it with a config whose tie_weights is False"
            )
        del head
    _compare(state, expected)
    dtype = torch.float64 if all(tensor.dtype == torch.float64 for tensor in state.values()) else torch.float32
    others = sorted({dtype_name(tensor.dtype) for tensor in state.values()} - {dtype_name(dtype)})
    if others:
        notices.append(f"weights stored as {', '.join(others)} were converted to {dtype_name(dtype)}")
    progress.tell(0.92, "fitting the weights")
    owned = _owned(state, expected, dtype)
    if odd := [name for name, tensor in owned.items() if not _all_finite(tensor)]:
        notices.append(
            f"{len(odd)} weights hold values that are not finite (NaN or infinite): {first_five(odd)}; "
            "values computed from them are drawn hatched"
        )
    if config.tie_weights:
        owned[HEAD] = owned[WTE]
    model.load_state_dict(owned, assign=True)
    if config.tie_weights:
        model.lm_head.weight = model.get_parameter(WTE)  # assign=True gave each name its own Parameter
    return model.eval()


def _all_finite(tensor: Tensor) -> bool:
    """Return True if every value is finite, without copying the tensor.

    A finite sum has only finite terms. A sum that is not finite may have overflowed, so minimum and maximum decide.
    """
    return bool(tensor.sum().isfinite()) or bool(torch.stack(torch.aminmax(tensor)).isfinite().all())


def same_matrix(one: Tensor, other: Tensor) -> bool:
    """Return True if both are equal in each bit, also where both are NaN."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if one.data_ptr() == other.data_ptr() and one.stride() == other.stride():
        return True
    return torch.equal(one.reshape(-1).view(torch.uint8), other.reshape(-1).view(torch.uint8))


def _empty(config: GPTConfig, state: Mapping[str, Tensor]) -> GPT:
    """Return the model on the meta device: no memory for weights, no random initialisation."""
    if config.n_layer > max(LAYERS_AT_ONCE, len(state) // LEAST_OF_A_LAYER):  # a billion layers would take hours
        raise CheckpointError(
            f"the config says {config.n_layer} layers (n_layer), but there are only {len(state)} weights; "
            "use the config and the weights of the same model"
        )
    try:
        with torch.device("meta"), Unfilled():
            return GPT(config)
    except (RuntimeError, OverflowError, TypeError) as error:
        raise CheckpointError(f"no model can have these sizes: {config} ({_first_line(error)})") from None


def check_plain(state: Mapping[str, object]) -> None:
    """Raise unless all are dense floating-point tensors with the memory that they claim. No value is read before.

    Raises:
        CheckpointError: one is something else; the sentence names the first.
    """
    for name, tensor in state.items():
        if not isinstance(tensor, Tensor):
            raise CheckpointError(f"{name} should be a tensor, but is a {type(tensor).__name__}; save a state dict")
        if tensor.is_meta or tensor.is_quantized or tensor.layout is not torch.strided:
            kind = "meta" if tensor.is_meta else "quantized" if tensor.is_quantized else "sparse"
            raise CheckpointError(f"{name} is a {kind} tensor; expected is a dense one: save the model's plain weights")
        if tensor.dtype not in FLOATS:
            allowed = ", ".join(map(dtype_name, FLOATS))
            raise CheckpointError(f"{name} is of type {dtype_name(tensor.dtype)}; expected is one of {allowed}")
        if tensor.nbytes > tensor.untyped_storage().nbytes():
            raise CheckpointError(
                f"{name} claims {tensor.nbytes:,} bytes, but only {tensor.untyped_storage().nbytes():,} are stored; "
                "save contiguous weights"
            )


def _compare(given: Mapping[str, Tensor], expected: Mapping[str, torch.Size]) -> None:
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
            "Use the config and the weights of the same model"
        )


def _owned(state: dict[str, Tensor], names: Iterable[str], dtype: torch.dtype) -> dict[str, Tensor]:
    """Return each tensor in its own memory of exactly its size. Copy only those that share or waste memory."""
    owned: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name in names:
        tensor = state.pop(name).detach().to(dtype)
        storage = tensor.untyped_storage()
        alone = storage.nbytes() == tensor.nbytes and storage.data_ptr() not in taken and tensor.is_contiguous()
        owned[name] = tensor if alone else tensor.clone(memory_format=torch.contiguous_format)
        taken.add(owned[name].untyped_storage().data_ptr())
    return owned


def dtype_name(dtype: torch.dtype) -> str:
    """Return `float32` for `torch.float32`."""
    return str(dtype).removeprefix("torch.")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
