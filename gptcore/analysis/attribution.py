"""Direct logit attribution: how much each part of the final residual stream adds to a logit, in the logit's own units.

What a part does to later parts does not count here: an ablation tells that (`ablation.py`), and the two differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gptcore.analysis.head_weights import wide
from gptcore.analysis.layers_of import written_by
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture

REMAINDER = "remainder"
"""The name of the part that an edited run has besides: what the edits put in that no other part holds."""


@dataclass(frozen=True)
class Part:
    """One summand of a logit."""

    name: str
    """The tensor that is added to the residual stream, or the weight that adds the same at each position."""
    head: int | None
    """The head, where the part is one of a layer's `attn.z`."""
    value: float
    """The part's summand, in the logit's units."""
    layer: int | None = None
    """The block that writes it; None for the embeddings, the constant and the remainder."""


@dataclass(frozen=True)
class LogitAttribution:
    """A logit, or the difference of two, as a sum."""

    total: float
    """The run's own logit, or the difference of two."""
    parts: tuple[Part, ...]
    """The summands, in the order in which the model adds them. They add up to `total`."""
    token: int
    versus: int | None
    position: int
    """The position whose next token is meant, from 0."""
    scale: float
    """The standard deviation that the final norm divided by here; each part was divided by this very number."""

    def by_block(self) -> dict[str, float]:
        """Return the same sum with fewer parts: the heads and the bias of a layer's attention are one.

        The keys are the tensors of the map that are added to the stream, then the constant and the remainder.
        """
        found: dict[str, float] = {}
        for part in self.parts:
            name = part.name
            if part.layer is not None and ".attn." in name:
                name = name[: name.index(".attn.") + len(".attn")]
            found[name] = found.get(name, 0.0) + part.value
        return found


@torch.no_grad()
def logit_attribution(
    trace: Trace, token: int, versus: int | None = None, position: int = -1, row: int = 0
) -> LogitAttribution:
    """Split the logit of a token, or its lead over another, into what each part of the residual stream adds to it.

    A part u adds ((u - mean(u)) / s * g) @ (W_U[:, token] - W_U[:, versus]), where g is the final norm's weight and s
    the scale of the state as it is, the same for all parts. The parts are: both embeddings; each head's z_h @ W_O^h,
    with the bias of the values in it, as weights are raw here; the bias of each output projection; each MLP; and the
    constant, the final norm's bias @ W_U. A run with edits, or with hooks of others, has one part more, the remainder:
    what they changed in a tensor that is a sum of others, such as the residual stream. Without them it is not there,
    as nothing is left.

    Args:
        trace: the run; also one with edits.
        token: the token that the logit is of.
        versus: the token whose logit is taken from it; None for the logit itself.
        position: the position that is read, negative ones from the end.
        row: the sequence of the batch.

    Raises:
        ValueError: a token, position or row that is not there.
        KeyError: the trace was captured with names that leave parts out.
        RuntimeError: the model's weights have changed since the run.

    Source: Wang et al. 2022, "Interpretability in the Wild" (direct effects); nostalgebraist 2020.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=2, n_embd=4)).eval()
    >>> found = logit_attribution(capture(model.double(), [3, 1, 4]), token=2, versus=0)
    >>> [(part.name.removeprefix("transformer."), part.head) for part in found.parts][:4]
    [('wte', None), ('wpe', None), ('h.0.attn.z', 0), ('h.0.attn.z', 1)]
    >>> abs(sum(part.value for part in found.parts) - found.total) < 1e-12
    True
    >>> list(found.by_block())
    ['transformer.wte', 'transformer.wpe', 'transformer.h.0.attn', 'transformer.h.0.mlp', 'transformer.ln_f.bias']
    """
    at, config = place_of(trace, position, row), trace.config
    direction, scale = direction_of(trace, token, versus, at, row)
    logits = trace.rows(architecture(config).named("logits"), at, at + 1)[row, 0].double()  # (V,)
    total = (logits[token] - (0 if versus is None else logits[versus])).item()
    parts = [*_parts(trace, direction, at, row), *_constant(trace, token, versus)]
    if trace.edits or trace._foreign:
        parts.append(Part(REMAINDER, None, total - sum(part.value for part in parts)))
    return LogitAttribution(total, tuple(parts), token, versus, at, scale)


@torch.no_grad()
def neuron_attribution(
    trace: Trace, layer: int, token: int, versus: int | None = None, position: int = -1, row: int = 0
) -> Float[Tensor, " 4C"]:
    """Return what each neuron of a layer's MLP adds to a logit, by the rule of `logit_attribution`, in float64.

    A neuron is a channel of `mlp.gelu`; it writes its activation times its row of the down projection. All together,
    and the down projection's bias, add up to the MLP's part, where the MLP's output is not edited.

    Raises:
        IndexError: there is no such layer.
        ValueError, KeyError, RuntimeError: as `logit_attribution`.

    >>> from gptcore import GPT, GPTConfig, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> neuron_attribution(capture(model, [3, 1, 4]), layer=1, token=2).shape
    torch.Size([16])
    """
    if not 0 <= layer < trace.config.n_layer:
        raise IndexError(f"there is no layer {layer}; choose one from 0 to {trace.config.n_layer - 1}")
    at = place_of(trace, position, row)
    direction, _ = direction_of(trace, token, versus, at, row)
    arch = architecture(trace.config)
    hidden = trace.rows(arch.named("mlp hidden", layer), at, at + 1)[row, 0].double()  # (4C,)
    return hidden * read_through(trace, written_by(trace.config, arch.named("mlp", layer)), direction)


def place_of(trace: Trace, position: int, row: int) -> int:
    """Return the position from 0."""
    if not -trace.T <= position < trace.T:
        raise ValueError(f"position must be from -{trace.T} to {trace.T - 1}, got {position}; take one of the run's")
    if not 0 <= row < trace.B:
        raise ValueError(f"row must be from 0 to {trace.B - 1}, got {row}; the run has {trace.B} sequences")
    return position % trace.T


def _difference(trace: Trace, token: int, versus: int | None) -> Float[Tensor, " C"]:
    weight = trace.weight(architecture(trace.config).named("logits"))  # (V, C)
    return weight[token].double() - (0 if versus is None else weight[versus].double())


def direction_of(trace: Trace, token: int, versus: int | None, at: int, row: int) -> tuple[Float[Tensor, " C"], float]:
    """Return the direction d of the stream for which u @ d is what a part u adds, and the norm's scale."""
    for name, index in (("token", token), ("versus", versus)):
        if index is not None and not 0 <= index < trace.config.vocab_size:
            last = trace.config.vocab_size - 1
            raise ValueError(f"{name} must be an id from 0 to {last}, got {index}; take one of these")
    wanted = _difference(trace, token, versus)
    arch = architecture(trace.config)
    state = trace.rows(arch.named("residual", trace.config.n_layer - 1), at, at + 1)[row, 0].double()  # (C,)
    scale = (state.var(correction=0) + trace.config.layer_norm_epsilon).sqrt()
    scaled = wanted * trace.weight(arch.named("final norm")).double() / scale
    return scaled - scaled.mean(), scale.item()  # (u - mean(u)) @ d is u @ (d - mean(d))


def read_through(trace: Trace, projection: str, direction: Tensor) -> Tensor:
    """Return what each input of a projection adds along a direction, for an input of 1, in float64.

    The product is in the weight's precision, float32 at least: a copy of the weight would cost more than all the rest.
    """
    weight = wide(trace.weight(projection))
    return (weight.T @ direction.to(weight)).double()


def _parts(trace: Trace, direction: Tensor, at: int, row: int) -> Iterator[Part]:
    """Yield what is added to the stream at a position, in the order of the run."""
    arch, H = architecture(trace.config), trace.config.n_head

    def value(name: str) -> float:
        rows = trace.rows(name, at, at + 1)
        return (rows.reshape(-1, rows.size(-1))[row if rows.dim() > 2 else 0].double() @ direction).item()

    yield Part(name := arch.named("token embedding"), None, value(name))
    yield Part(name := arch.named("position embedding"), None, value(name))
    for layer in range(trace.config.n_layer):
        z, projection = arch.named("weighted values", layer), written_by(trace.config, arch.named("attention", layer))
        read = read_through(trace, projection, direction)  # (C,): what each channel of the joined heads adds
        heads = trace.rows(z, at, at + 1)[row, :, 0].double() * read.view(H, -1)  # (H, D)
        yield from (Part(z, head, added, layer) for head, added in enumerate(heads.sum(-1).tolist()))
        if trace.config.bias:
            bias = trace.weight(projection, "bias").double() @ direction
            yield Part(f"{projection}.bias", None, bias.item(), layer)
        yield Part(name := arch.named("mlp", layer), None, value(name), layer)


def _constant(trace: Trace, token: int, versus: int | None) -> Iterator[Part]:
    """Yield what the final norm's bias adds at each position alike."""
    if trace.config.bias:
        norm = architecture(trace.config).named("final norm")
        bias = trace.weight(norm, "bias").double() @ _difference(trace, token, versus)
        yield Part(f"{norm}.bias", None, bias.item())
