"""Costs of a GPT of any config, by part, and how they grow: from the table of ops. No torch; nothing is allocated.

- **Parameters**: the trained numbers. A tied `lm_head` is the token embedding's matrix, and counts there.
- **FLOPs**: of one forward pass, as `Architecture.flops` counts them: the matrix products only, 2 per multiply-add,
  attention over the full T x T, logits at all T positions.
- **Activation memory**: every tensor of the map that a forward pass makes, kept until the backward pass: logits at all
  positions and their softmax included. What PyTorch only reads in another order (heads split, K transposed), what
  passes unchanged (dropout without training), the token ids and the weights take none. PyTorch keeps less, by up to
  half: it frees what no gradient reads (the terms of a sum), though its kernels keep small things of their own.
- **KV cache**: the keys and values of all T positions in all blocks: what generation keeps, to make one more token
  without computing these again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from gptcore.config import GPTConfig
from gptcore.graph.architecture import Architecture, axis_sizes
from gptcore.graph.gpt_table import rows
from gptcore.graph.node import ATTENTION, BLOCK, MLP, SDPA, Concept, Node, Row

Part = Literal["embeddings", "residual stream", "norms", "attention", "MLP", "head"]
PARTS: tuple[Part, ...] = ("embeddings", "residual stream", "norms", "attention", "MLP", "head")
"""In the order of the forward pass."""
Letter = Literal["T", "C", "V", "L"]
LETTERS: tuple[Letter, ...] = ("T", "C", "V", "L")

_BY_VIEW: Mapping[str, Part] = {ATTENTION: "attention", SDPA: "attention", MLP: "MLP"}
_BY_CONCEPT: Mapping[Concept, Part] = {
    "embedding": "embeddings",
    "residual": "residual stream",
    "norm": "norms",
    "pattern": "attention",
    "mlp": "MLP",
    "logits": "head",
}


@dataclass(frozen=True)
class RunSize:
    """The size of a forward pass, and how its numbers are kept."""

    T: int
    """Tokens of each sequence. It may go beyond block_size: what such a pass would cost."""
    B: int = 1
    """Sequences."""
    number: int = 4
    """Bytes of one number: 4 for float32, 2 for bfloat16."""
    fused: bool = False
    """True where attention runs as one operation, which keeps no T x T tensor: its backward pass makes it again."""


@dataclass(frozen=True)
class Cost:
    """The costs of a part, or of all of them; see the definitions above."""

    params: int = 0
    flops: int = 0
    activations: int = 0
    """Bytes."""
    cache: int = 0
    """Bytes."""

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.params + other.params,
            self.flops + other.flops,
            self.activations + other.activations,
            self.cache + other.cache,
        )

    def __mul__(self, times: int) -> Cost:
        return Cost(self.params * times, self.flops * times, self.activations * times, self.cache * times)


QUANTITIES = tuple(field.name for field in dataclasses.fields(Cost))
"""params, flops, activations, cache."""


@dataclass(frozen=True)
class Terms:
    """An amount as a polynomial of one letter, each term with its value at the present size."""

    constant: int = 0
    linear: int = 0
    square: int = 0

    @property
    def total(self) -> int:
        """The amount."""
        return self.constant + self.linear + self.square

    def at(self, times: float) -> float:
        """Return the amount where the letter is so many times as large.

        >>> Terms(constant=5, linear=10, square=100).at(2)
        425
        """
        return self.constant + self.linear * times + self.square * times * times

    def __add__(self, other: Terms) -> Terms:
        return Terms(self.constant + other.constant, self.linear + other.linear, self.square + other.square)


def part_of(tensor: Row | Node) -> Part:
    """Return the part of the model that makes a tensor.

    Attention and MLP are all that lies inside them; the residual stream is its start and the sums in the blocks.

    >>> from gptcore.graph.architecture import architecture
    >>> part_of(architecture(GPTConfig.preset("gpt2")).nodes["transformer.h.3.mlp.gelu"])
    'MLP'
    """
    return _BY_VIEW.get(tensor.view) or _BY_CONCEPT[tensor.concept]


def parts(config: GPTConfig, run: RunSize) -> dict[Part, Cost]:
    """Return the costs of each part of the model in a forward pass.

    >>> cost = parts(GPTConfig.preset("gpt2"), RunSize(T=1024))
    >>> cost["MLP"].params, cost["head"].params  # the head's matrix is the token embedding's
    (56669184, 0)
    >>> parts(GPTConfig.preset("gpt3-175b"), RunSize(T=2048, number=2))["attention"].cache / 1e9
    9.663676416
    """
    found = dict.fromkeys(PARTS, Cost())
    sizes = axis_sizes(config) | {"B": run.B, "T": run.T}
    for row in _table(config):
        copies = config.n_layer if row.id.startswith(BLOCK) else 1
        found[part_of(row)] += _own(row, config, run, sizes) * copies
    return found


def total(costs: Iterable[Cost]) -> Cost:
    """Add up costs.

    >>> total(parts(GPTConfig.preset("gpt2"), RunSize(T=1024)).values()).params
    124439808
    """
    return sum(costs, Cost())


def growth(config: GPTConfig, run: RunSize, letter: Letter) -> dict[Part, dict[str, Terms]]:
    """Return each part's costs as polynomials of T, C, V or L, the other sizes as they are: `QUANTITIES` by name.

    The terms are not known beforehand: costs are computed at three sizes, and held against those at a fourth. C grows
    with H as it is, so D = C / H grows along.

    >>> of_T = growth(GPTConfig.preset("gpt2"), RunSize(T=1024), "T")
    >>> of_T["attention"]["flops"]
    Terms(constant=0, linear=57982058496, square=38654705664)
    >>> of_T["MLP"]["flops"].square, of_T["attention"]["params"].square
    (0, 0)
    """
    at = _sized(config, run, letter)
    now = {"T": run.T, "C": config.head_dim, "V": config.vocab_size, "L": config.n_layer}[letter]
    samples = [at(size) for size in (1, 2, 3, 4)]
    return {
        part: {name: _terms([getattr(sample[part], name) for sample in samples], now) for name in QUANTITIES}
        for part in PARTS
    }


def activations(arch: Architecture, run: RunSize) -> dict[str, int]:
    """Return the bytes that each node's tensor takes, 0 where it takes none; of a container, all that its inside takes.

    Raises:
        ValueError: T is not in 1 to block_size.

    >>> from gptcore.graph.architecture import architecture
    >>> found = activations(architecture(GPTConfig.preset("gpt2")), RunSize(T=1024))
    >>> found["transformer.h.0.attn.scores"] == 12 * 1024 * 1024 * 4
    True
    """
    return _with_containers(arch, run, lambda node, size: size if _takes_memory(node, run) else 0)


def cache(arch: Architecture, run: RunSize) -> dict[str, int]:
    """Return the bytes of the KV cache that each node's tensor fills; of a container, all that its inside fills.

    Raises:
        ValueError: T is not in 1 to block_size.

    >>> from gptcore.graph.architecture import architecture
    >>> cache(architecture(GPTConfig.preset("gpt2")), RunSize(T=1024))["transformer.h"]  # 2 x L x T x C x 4
    75497472
    """
    return _with_containers(arch, run, lambda node, size: size if _is_cached(node) else 0)


def _with_containers(arch: Architecture, run: RunSize, own: Callable[[Node, int], int]) -> dict[str, int]:
    """Return `own(node, bytes of its tensor)` of each node, summed up into its containers."""
    shapes = arch.shapes(run.B, run.T)
    found = {node.id: own(node, math.prod(shapes[node.id]) * run.number) for node in arch.nodes}
    for node in reversed(arch.nodes):  # insides stand behind their container
        if node.parent:
            found[node.parent] += found[node.id]
    return found


_table = lru_cache(maxsize=64)(rows)


def _own(row: Row, config: GPTConfig, run: RunSize, sizes: Mapping[str, int]) -> Cost:
    """Return the costs of one tensor: its weights, its product, its numbers."""
    shapes = {name: [sizes[axis] for axis in axes] for name, axes in row.weights.items()}
    tied = row.role == "logits" and config.tie_weights
    size = math.prod(sizes[axis] for axis in row.axes) * run.number
    return Cost(
        params=0 if tied else sum(math.prod(shape) for shape in shapes.values()),
        flops=row.op.flops(config, shapes.get("weight", ()))(run.T, run.B),
        activations=size if _takes_memory(row, run) else 0,
        cache=size if _is_cached(row) else 0,
    )


def _takes_memory(tensor: Row | Node, run: RunSize) -> bool:
    return not (tensor.how == "input" or tensor.op.is_view or (run.fused and tensor.view == SDPA))


def _is_cached(tensor: Row | Node) -> bool:
    return tensor.role in ("key", "value")


def _sized(config: GPTConfig, run: RunSize, letter: Letter) -> Callable[[int], dict[Part, Cost]]:
    """Return what computes the costs at a size of the letter; of C, at a width of its heads."""
    if letter == "T":
        return lambda size: parts(config, dataclasses.replace(run, T=size))
    if letter == "C":
        return lambda size: parts(dataclasses.replace(config, n_embd=config.n_head * size), run)
    if letter == "V":
        return lambda size: parts(dataclasses.replace(config, vocab_size=size), run)
    return lambda size: parts(dataclasses.replace(config, n_layer=size), run)


def _terms(samples: list[int], now: int) -> Terms:
    """Return the polynomial through the amounts at 1, 2 and 3, with its terms' values at `now`."""
    one, two, three, four = samples
    square, half = divmod(three - 2 * two + one, 2)
    linear = two - one - 3 * square
    constant = one - linear - square
    assert not half and four == constant + 4 * linear + 16 * square, "an op of the table grows faster than a square"
    return Terms(constant, linear * now, square * now * now)
