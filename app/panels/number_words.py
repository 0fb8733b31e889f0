"""One number in words: what it is, of which token, head and channel. This file knows no Streamlit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gptcore import Architecture
from gptcore.graph.node import Node
from gptcore.graph.ops import CausalMask, Concat, LayerNorm, Linear, Same, Scale, SplitHeads, Transpose

THIRDS = ("query", "key", "value")


class Words:
    """The words for the numbers of one prompt.

    Args:
        arch: the map of the model.
        tokens: the tokens that the run sees, by position.
        label: from the id of a token to its label.
    """

    def __init__(self, arch: Architecture, tokens: Sequence[str], label: Callable[[int], str]) -> None:
        self.arch, self.tokens, self.label = arch, tokens, label

    def of_run(self, name: str, index: Sequence[int]) -> str:
        """Return one sentence that says what a number of the run is."""
        node = self.arch.nodes[name]
        places = self._places(node, index)
        if node.role in _BY_ROLE:
            return _BY_ROLE[node.role].format_map(places)
        match node.op:
            case Same():  # a container, a dropout
                return self.of_run(node.operands[0], index)
            case LayerNorm():
                return _NORMED.format_map(places)
            case SplitHeads(third):
                return f"Number {places['d']} of the {THIRDS[third]} of {places['at']} in head {places['head']}."
            case Transpose():
                return f"Number {places['d']} of the key of {places['at']} in head {places['head']}."
            case Scale():
                return f"{_FIT.format_map(places)}, divided by √D = √{self.arch.config.head_dim}."
            case CausalMask():
                return (_SEEN if index[-1] <= index[-2] else _UNSEEN).format_map(places)
            case Concat():
                return f"{self._of_heads(index[-1], places['layer'])} at {places['at']}: all heads side by side."
            case Linear() if node.axes[-1] == "4C":
                return "What hidden unit {c} of block {layer} gets at {at}, before the GELU.".format_map(places)
            case Linear():
                who = "attention" if isinstance(self._input(node).op, Concat) else "the MLP"
                return f"What {who} of block {places['layer']} adds to channel {places['c']} at {places['at']}."
        return node.summary

    def of_weight(self, name: str, index: Sequence[int]) -> str:
        """Return one sentence that says what a trained number is."""
        node = self.owner(name)
        row, column = (self.row(name, index), self.column(name, index))
        match node.op:
            case LayerNorm():
                does = "adds this number to" if name.endswith("bias") else "multiplies"
                by = "" if name.endswith("bias") else " by this number"
                return f"At its end {node.label} {does} {row}{by}."
            case Linear() if column:
                return f"How much {column} counts for {'the score of ' if node.role == 'logits' else ''}{row}."
            case Linear():
                return f"This is added to {row}, whatever comes in."
        return f"Number {index[-1]} of the row of {row} in the table of the {node.label.lower()}s."

    def owner(self, name: str) -> Node:
        """Return the node that a parameter belongs to."""
        found = self.arch.owner(name)
        if found is None:
            raise KeyError(f"{name} is no parameter of this model; arch.weight_shapes() lists them")
        return found

    def row(self, name: str, index: Sequence[int]) -> str:
        """Return what the row of a parameter stands for: of a matrix what it makes, of a vector its one place."""
        node = self.owner(name)
        first = node.weight_axes[node.weights.index(name)][0]
        layer = node.layer
        if first == "V":
            return repr(self.label(index[0]))
        if first == "block_size":
            return f"position {index[0]}"
        if first == "3C":
            third, inside = divmod(index[0], self.arch.config.n_embd)
            head, d = divmod(inside, self.arch.config.head_dim)
            return f"number {d} of the {THIRDS[third]} in head {layer}.{head}"
        return f"hidden unit {index[0]}" if first == "4C" else f"channel {index[0]}"

    def column(self, name: str, index: Sequence[int]) -> str:
        """Return what the column of a matrix stands for: a number that comes in; "" of a vector."""
        node = self.owner(name)
        axes = node.weight_axes[node.weights.index(name)]
        if len(axes) < 2:
            return ""
        if not isinstance(node.op, Linear):
            return f"channel {index[1]}"
        source = self._input(node)
        if isinstance(source.op, Concat):
            return self._of_heads(index[1], str(node.layer)).lower()
        return f"hidden unit {index[1]}" if axes[1] == "4C" else f"channel {index[1]} of {source.label}"

    def _places(self, node: Node, index: Sequence[int]) -> dict[str, str]:
        """Return the words for each place of a number, by the names that the sentences use."""
        C, D = self.arch.config.n_embd, self.arch.config.head_dim
        known = dict(zip(node.axes, index, strict=True))
        last = index[-1]
        at = index[node.axes.index("T")] if "T" in node.axes else 0
        if node.axes[-2:] == ("D", "T"):
            known["D"] = index[-2]
        third, inside = divmod(last, C)
        following = at + 1
        return {
            "at": repr(self.tokens[at]),
            "position": str(at),
            "key": repr(self.tokens[last]) if node.axes[-2:] == ("T", "T") else "",
            "target": repr(self.tokens[following]) if following < len(self.tokens) else "what comes next",
            "layer": str(node.layer),
            "head": f"{node.layer}.{known.get('H', 0)}",
            "c": str(last),
            "C": str(C),
            "d": str(known.get("D", 0)),
            "part": f"number {inside % D} of the {THIRDS[third % 3]} of head {node.layer}.{inside // D}",
            "token": repr(self.label(last)) if node.axes[-1] == "V" else "",
        }

    def _input(self, node: Node) -> Node:
        return self.arch.nodes[node.operands[0]]

    def _of_heads(self, channel: int, layer: str) -> str:
        head, d = divmod(channel, self.arch.config.head_dim)
        return f"Number {d} of head {layer}.{head}"


_NORMED = (
    "Channel {c} of the stream at {at}, scaled so that its {C} numbers have mean 0 and variance 1, then by learned "
    "factors."
)
_FIT = "How well the query of {at} fits the key of {key} in head {head}"
_SEEN = _FIT + ": {at} may see {key}, so it stays."
_UNSEEN = "{key} comes after {at}, so {at} may not see it: minus infinity, of which the softmax makes 0."
_LOOKS = "How much {at} looks at {key} in head {head}, of 1 in all."
_BY_ROLE = {
    "tokens": "The id of {at}: its place in the vocabulary.",
    "token embedding": "Number {c} of the {C} that stand for {at} in the table of tokens.",
    "position embedding": "Number {c} of the {C} that stand for position {position}, whatever token is there.",
    "embedding": "What {at} brings in channel {c}: its token's number plus its position's.",
    "residual in": "Channel {c} of the stream at {at}, as block {layer} finds it.",
    "attention": "What attention of block {layer} adds to channel {c} at {at}.",
    "joint projection": "At {at}: {part}.",
    "scores": _FIT + ": their dot product.",
    "pattern": _LOOKS,
    "pattern after dropout": _LOOKS,
    "weighted values": "Number {d} of what head {head} brings to {at}: the values, mixed by its pattern.",
    "residual between": "Channel {c} of the stream at {at} behind attention of block {layer}.",
    "mlp": "What the MLP of block {layer} adds to channel {c} at {at}.",
    "mlp hidden": "How active hidden unit {c} of block {layer} is at {at}.",
    "residual": "Channel {c} of the stream at {at} behind block {layer}.",
    "final norm": _NORMED,
    "logits": "The score of {token} as the token after {at}.",
    "probabilities": "How likely {token} is as the token after {at}.",
    "loss": "How surprised the model is, in nats, that {target} comes after {at}.",
}
"""A sentence for each part that a tensor plays."""
