"""The model of a run: a GPT, what holds or wraps one, or nanoGPT's own by its weights. Anything else is refused."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from gptcore.capture.weight_fingerprint import WeightsSeen
from gptcore.config import ConfigError, GPTConfig
from gptcore.model import GPT
from gptcore.skip_init import twin

Model = Any
"""Models that `model_of` takes: a GPT, a Checkpoint, a module that wraps a GPT, nanoGPT's own."""
WRAPPERS = ("module", "_orig_mod", "model")
"""Names under which DataParallel, torch.compile and a Checkpoint hold the model."""
MOST_WRAPPED = 4
MASKS = (".attn.bias", ".attn.masked_bias")
SIZES = ("block_size", "vocab_size", "n_layer", "n_head", "n_embd")
CLOSE = 1e-3
"""Largest difference of logits, as a share of the largest, between a model and its copy: rounding in float16."""

_copies: WeakKeyDictionary[nn.Module, tuple[WeightsSeen, GPT]] = WeakKeyDictionary()
"""The copy of each model of nanoGPT's own class, so that one run can take over from another."""


def model_of(given: object) -> GPT:
    """Return the GPT of a Checkpoint, DataParallel, compiled model or the like; a copy of a model of nanoGPT's class.

    Raises:
        ValueError: there is none; it says what to do instead.
    """
    if isinstance(given, GPT):
        return _with_numbers(given)
    inner: Any = given
    for _ in range(MOST_WRAPPED):
        if isinstance(inner, GPT):
            return _with_numbers(inner)
        fields = (getattr(inner, name, None) for name in WRAPPERS)
        wrapped = next((field for field in fields if isinstance(field, nn.Module)), None)
        if wrapped is None:
            break
        inner = wrapped
    if not isinstance(inner, nn.Module):
        raise ValueError(f"the model must be a gptcore.GPT or a Checkpoint, got {type(given).__name__}; load one")
    kind = f"{type(inner).__module__}.{type(inner).__name__}"
    if hasattr(inner, "save_pretrained"):
        raise ValueError(
            f"this is transformers' {type(inner).__name__}, whose tensors have other names; "
            "save it, model.save_pretrained(folder), and capture gptcore.load(folder)"
        )
    if all(hasattr(inner, name) for name in ("config", "transformer", "lm_head")):
        return _copy_of(inner, kind)
    raise ValueError(
        f"the model must be a gptcore.GPT, got a {kind}; save its weights, torch.save(model.state_dict(), 'model.pt'), "
        "and capture gptcore.load('model.pt', config=gptcore.GPTConfig(...))"
    )


def _with_numbers(model: GPT) -> GPT:
    if getattr(model.lm_head.weight, "is_meta", False):  # one stands for all: a walk at each key would cost too much
        raise ValueError(
            "the weights are on the meta device, which holds no numbers; load them, or call to_empty and fill"
        )
    return model


def _copy_of(theirs: Any, kind: str) -> GPT:
    """Return a GPT with the weights of a model of nanoGPT's class; the same one as before where they are unchanged."""
    known = _copies.get(theirs)
    if known is not None and not known[0].stale(theirs):
        copy = known[1]
    else:
        copy = _made(theirs, kind)
        _copies[theirs] = WeightsSeen(theirs), copy
    return copy.train(theirs.training)


def _made(theirs: Any, kind: str) -> GPT:
    state = {name: tensor for name, tensor in theirs.state_dict().items() if not name.endswith(MASKS)}
    try:
        config = GPTConfig.from_dict(_config_of(theirs, state))
        copy = twin(GPT, config, {name: tensor.detach().clone() for name, tensor in state.items()})
    except (ConfigError, RuntimeError, AttributeError) as error:
        first = " ".join(str(error).split())[:300]
        raise ValueError(
            f"a {kind} is not nanoGPT's GPT ({first}); save its state dict and capture gptcore.load(path, config=...)"
        ) from None
    _compare(theirs, copy, kind)
    return copy


def _config_of(theirs: Any, state: dict[str, Tensor]) -> dict[str, Any]:
    """Return the sizes of a model of nanoGPT's class, and its GELU: until June 2023 it was a function, the tanh one."""
    sizes = {name: getattr(theirs.config, name) for name in SIZES}
    gelu = getattr(theirs.transformer.h[0].mlp, "gelu", None)
    exact = isinstance(gelu, nn.GELU) and gelu.approximate == "none"
    return {
        **sizes,
        "dropout": float(getattr(theirs.config, "dropout", 0.0)),
        "bias": "transformer.ln_f.bias" in state,
        "tie_weights": theirs.lm_head.weight is theirs.transformer.wte.weight,
        "activation": "gelu" if exact else "gelu_tanh",
        "layer_norm_epsilon": float(getattr(theirs.transformer.ln_f, "eps", 1e-5)),
    }


def _compare(theirs: Any, copy: GPT, kind: str) -> None:
    """Raise a ValueError unless both have the same logits: a fork may compute something else with the same weights."""
    config = copy.config
    T = min(config.block_size, 8)
    ids = (torch.arange(T, device=copy.lm_head.weight.device) * 7 % config.vocab_size)[None]
    was = theirs.training
    try:
        theirs.eval()
        copy.eval()
        with torch.no_grad():
            made = theirs(ids)
            logits = made[0] if isinstance(made, tuple) else made
            wanted, _ = copy(ids)
    except Exception as error:
        raise ValueError(f"a {kind} does not run as nanoGPT's GPT does: {error}") from None
    finally:
        theirs.train(was)
    if not isinstance(logits, Tensor) or logits.dim() != 3 or logits.size(-1) != config.vocab_size:
        raise ValueError(f"a {kind} does not return logits as nanoGPT's GPT does, (B, T, V)")
    bound = CLOSE * max(1.0, wanted.abs().max().item())
    found = (logits[:, -1].double() - wanted[:, -1].double()).abs().max().item()
    if not found <= bound:
        raise ValueError(
            f"a {kind} has nanoGPT's names and computes something else: its logits differ by {found:.2g} from those of "
            "nanoGPT's model.py with the same weights"
        )
