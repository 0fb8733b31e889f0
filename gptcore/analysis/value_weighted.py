"""A pattern weighted by what is read: how much each key really brings to each query."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.graph.ops import Concat


def value_weighted(trace: Trace, layer: int) -> Float[Tensor, "B H T T"]:
    """Return the length of what each key adds to each query, for each head: A[q, k] times the length of v_k W_O.

    The value v_k holds its bias; W_O is the head's part of the output projection. Added up over heads and keys, before
    the length is taken, these vectors and the projection's bias are the output of attention.

    Raises:
        IndexError: there is no such layer.

    Source: Kobayashi et al. 2020, "Attention is Not Only a Weight".

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> value_weighted(capture(model, [3, 1, 4]), layer=1).shape
    torch.Size([1, 2, 3, 3])
    """
    config, arch = trace.config, architecture(trace.config)
    if not 0 <= layer < config.n_layer:
        raise IndexError(f"there is no layer {layer}; choose one from 0 to {config.n_layer - 1}")
    pattern, values = trace[arch.named("pattern", layer)], trace[arch.named("value", layer)]
    out = trace.weight(_projection(trace, layer))  # (C, C), rows are what is written
    heads = out.T.reshape(config.n_head, -1, config.n_embd)  # (H, D, C)
    return pattern * (values @ heads.to(values)).norm(dim=-1)[:, :, None, :]


def _projection(trace: Trace, layer: int) -> str:
    """Return the id of the tensor that mixes the heads' outputs by its weight."""
    nodes = [node for node in architecture(trace.config).nodes if node.layer == layer]
    (mixed,) = (node.id for node in nodes if isinstance(node.op, Concat))
    return next(node.id for node in nodes if mixed in node.operands)
