"""The shapes of the weights: they tell the sizes of the model, and which way round its matrices lie.

This file knows tensors in nanoGPT's names, and no file format.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from gptcore.checkpoint.build import WTE

WPE = "transformer.wpe.weight"
CONV1D = ("attn.c_attn.weight", "attn.c_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
"""Weights that Hugging Face stores as (in, out), where nn.Linear has (out, in)."""
TURNED = "{} weights of Conv1D layers were transposed to nn.Linear's (out, in)"


def sizes_from_weights(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the config's fields that the weights determine; the number of heads is not among them."""
    layers = [int(match[1]) for name in state if (match := re.match(r"transformer\.h\.(\d{1,6})\.", name))]
    found: dict[str, Any] = {}
    if WPE in state and state[WPE].dim() == 2:
        found["block_size"] = state[WPE].size(0)
    if WTE in state and state[WTE].dim() == 2:
        found["vocab_size"] = state[WTE].size(0)
    found["n_layer"] = max(layers, default=-1) + 1
    if WTE in state and state[WTE].dim() == 2:
        found["n_embd"] = state[WTE].size(1)
    return {**found, "bias": "transformer.ln_f.bias" in state}


def has_conv1d(state: Mapping[str, Tensor]) -> bool:
    """Return True for a state dict in Hugging Face's layout, under whatever prefix.

    `c_attn`, (C, 3C) or (3C, C), tells which it is: unlike the others it is never square.
    """
    found = (tensor for name, tensor in state.items() if name.endswith(CONV1D[0]) and tensor.dim() == 2)
    return any(tensor.size(1) == 3 * tensor.size(0) for tensor in found)


def turn_conv1d(state: dict[str, Tensor], notices: list[str]) -> bool:
    """Transpose the matrices of a state dict in Hugging Face's layout; return False for one in nanoGPT's."""
    if not has_conv1d(state):
        return False
    names = [name for name, tensor in state.items() if name.endswith(CONV1D) and tensor.dim() == 2]
    for name in names:
        state[name] = state[name].t().contiguous()
    notices.append(TURNED.format(len(names)))
    return True
