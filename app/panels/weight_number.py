"""One trained number: where it is used, and what it does in this run. This file knows no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from app.panels.number_picture import NumberPicture, Strip
from gptcore import Architecture, Trace
from gptcore.graph.node import Node
from gptcore.graph.ops import Linear, Lookup


@dataclass(frozen=True)
class WeightNumber:
    """A number of a parameter, and what it does at one position of a run."""

    name: str
    """The parameter's key in the state dict."""
    index: tuple[int, ...]
    value: float
    used_by: tuple[Node, ...]
    """The nodes that compute with it; two where the embedding and the head are one matrix."""
    picture: NumberPicture
    code: str
    """Python that, given `ckpt`, leaves the number in `value` and prints it."""


def weight_number(
    arch: Architecture, trace: Trace, model: nn.Module, name: str, index: tuple[int, ...], position: int
) -> WeightNumber:
    """Return what a number of a parameter is.

    Args:
        arch: the map of the model.
        trace: the run in which it is used.
        model: the model that ran.
        name: the parameter.
        index: (row, column) of a matrix, (place,) of a vector.
        position: the position of the context at which its part is told.
    """
    weight = model.get_parameter(name).detach()
    value = float(weight[index])
    names = _one_matrix(arch, name)
    used = tuple(node for node in arch.nodes if names & set(node.weights))
    owner = arch.owner(name)
    if owner is None:
        raise KeyError(f"{name} is no parameter of this model; arch.weight_shapes() lists them")
    row = (weight[index[0]] if weight.dim() > 1 else weight).double().cpu().numpy()
    title = f"row {index[0]}" if weight.dim() > 1 else name.rpartition(".")[2]
    facts = _facts(owner, trace, index, value, position) if weight.dim() > 1 else ()
    axis = "hidden unit" if owner.weight_axes[owner.weights.index(name)][-1] == "4C" else "channel"
    place = ", ".join(map(str, index))
    return WeightNumber(
        name=name,
        index=index,
        value=value,
        used_by=used,
        picture=NumberPicture((Strip(title, row),), axis, chosen=index[-1], facts=facts),
        code=f'value = ckpt.model.get_parameter("{name}")[{place}].item()\nprint(value)',
    )


def _one_matrix(arch: Architecture, name: str) -> set[str]:
    """Return the keys of the parameter: two where the head is the embedding's own matrix."""
    tied = {arch.nodes[arch.named(role)].weights[0] for role in ("token embedding", "logits")}
    return tied if arch.config.tie_weights and name in tied else {name}


def _facts(
    node: Node, trace: Trace, index: tuple[int, ...], value: float, position: int
) -> tuple[tuple[str, float], ...]:
    """Return what the number does at this position: its product with what comes in, or how often its row is read."""
    match node.op:
        case Linear():
            came = float(_at(trace, node.operands[0], position)[index[1]])
            return ("comes in", came), ("weight", value), ("comes in × weight", came * value)
        case Lookup("id"):
            return (("times in this prompt", int((trace["idx"][0] == index[0]).sum())),)
    return ()


def _at(trace: Trace, name: str, position: int) -> Tensor:
    """Return the numbers of a tensor at a position."""
    return trace.rows(name, position, position + 1)[0, 0]
