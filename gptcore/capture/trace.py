"""`capture`: one run of a model, and every tensor of it by its name in the map, as a value that never changes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from gptcore.capture import buffers, hooks, stored, third_party
from gptcore.capture import names as naming
from gptcore.capture.growth import Rows
from gptcore.capture.weight_fingerprint import WeightsSeen
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.model import GPT, KeysValues, attention_stages, split_heads

Changes = frozenset[tuple[str, tuple[int, ...]]]
"""The modules whose output others' hooks changed in a run, with the numbers of these hooks."""


class Trace(Mapping[str, Tensor]):
    """Every tensor of one run, by its name. Immutable: what is read is a copy, and a longer trace shares the rest.

    Attributes:
        config: the model's sizes.
        ids: the token ids, (B, T) int64.
        reused: how many of the T positions were taken over from an earlier trace.

    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> trace.shapes()["transformer.h.1.attn.pattern"]
    (('B', 'H', 'T', 'T'), (1, 2, 3, 3))
    >>> trace["transformer.h.1.attn.pattern"].sum(dim=-1).allclose(torch.ones(1, 2, 3))
    True
    """

    def __init__(
        self, model: GPT, rows: Rows, weights: WeightsSeen, key: tuple[object, ...], wanted: frozenset[str],
        last_logits: Tensor | None, reused: int, changes: Changes,
    ) -> None:  # fmt: skip
        """Made by `capture` alone."""
        self.config, self.reused = model.config, reused
        self._model, self._rows, self._weights, self._key, self._wanted = model, rows, weights, key, wanted
        self._last_logits = last_logits  # (B, 1, V), as the run made them; None after a cut
        self._changes = changes
        self.T = buffers.total(rows.others)
        self.B = rows.others[0].store.tensors[naming.IDX].size(0)

    # What is there

    @property
    def ids(self) -> Tensor:
        """The token ids, (B, T)."""
        return self[naming.IDX]

    @property
    def logits(self) -> Tensor:
        """The scores of every next token at every position, (B, T, V)."""
        return self[naming.LOGITS]

    def __iter__(self) -> Iterator[str]:
        return iter(stored.available(self.config, self._wanted))

    def __len__(self) -> int:
        return len(stored.available(self.config, self._wanted))

    def __contains__(self, name: object) -> bool:
        return name in stored.available(self.config, self._wanted)

    __eq__ = object.__eq__  # a trace is itself, and no table of tensors to be compared one by one
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Trace(B={self.B}, T={self.T}, reused={self.reused}, {self.nbytes() / 1e6:.1f} MB)"

    def shapes(self) -> dict[str, tuple[stored.Axes, tuple[int, ...]]]:
        """Each name's symbolic axes and its shape in this run, without computing anything."""
        sizes = architecture(self.config).shapes(B=self.B, T=self.T)
        return {name: (axes, sizes[name]) for name, axes in stored.available(self.config, self._wanted).items()}

    def nbytes(self) -> int:
        """Bytes that this trace keeps in memory, those it shares with other traces included."""
        logits = 0 if self._last_logits is None else self._last_logits.nbytes
        return buffers.nbytes(self._rows.attention) + buffers.nbytes(self._rows.others) + logits

    # What is read

    def __getitem__(self, name: str) -> Tensor:
        """The whole tensor, a copy. A KeyError lists near names."""
        return self.rows(name, 0, self.T)

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Positions `start` to `stop` of a tensor's first T axis, the queries of a pattern; nothing else is computed.

        Raises:
            KeyError: no such name in this trace.
            IndexError: positions outside 0 to T.
        """
        if name not in self:
            near = difflib.get_close_matches(str(name), self, n=3, cutoff=0.5)
            hint = f"; near it: {', '.join(near)}" if near else "; trace.keys() lists them"
            raise KeyError(f"no tensor {name!r} in this trace{hint}")
        if not 0 <= start < stop <= self.T:
            raise IndexError(f"positions must satisfy 0 <= start < stop <= {self.T}, got {start} to {stop}")
        return self._compute(naming.same_as(name, self.config.n_layer), start, stop)

    def _compute(self, name: str, start: int, stop: int) -> Tensor:
        layer, inside = naming.split(name)
        with torch.no_grad():
            if layer is not None and inside in naming.FROM_QKV:
                return self._from_qkv(layer, inside.removeprefix("attn."), start, stop)
            if inside == "attn.concat":
                z = self._held(name.replace("concat", "z"), start, stop)  # (B, H, t, D)
                return z.transpose(1, 2).flatten(2)  # (B, t, C)
            if name == naming.LOGITS:
                return self._logits(start, stop)
            if name == naming.PROBS:
                return F.softmax(self._logits(start, stop), dim=-1)
            if name == naming.LOSS:
                return self._loss(start, stop)
            return self._held(name, start, stop)

    def _views(self, name: str, start: int, stop: int) -> list[Tensor]:
        rows = self._rows.attention if name in stored.for_attention(self.config) else self._rows.others
        return buffers.read(rows, name, stored.time_axes(self.config)[name], start, stop)

    def _held(self, name: str, start: int, stop: int) -> Tensor:
        found = self._views(name, start, stop)
        return torch.cat(found, dim=stored.time_axes(self.config)[name]) if len(found) > 1 else found[0].clone()

    def _heads(self, layer: int, third: str, start: int, stop: int) -> list[Tensor]:
        """Q, K or V of one layer, (B, H, t, D) in pieces; views."""
        at, C = "qkv".index(third), self.config.n_embd
        found = self._views(naming.block(layer, "attn.c_attn"), start, stop)
        return [split_heads(rows[..., at * C : (at + 1) * C], self.config.n_head) for rows in found]

    def _from_qkv(self, layer: int, inside: str, start: int, stop: int) -> Tensor:
        if inside in ("q", "k", "v"):
            return torch.cat(self._heads(layer, inside, start, stop), dim=2)
        if inside == "k_t":
            return torch.cat(self._heads(layer, "k", start, stop), dim=2).transpose(-2, -1)
        q = torch.cat(self._heads(layer, "q", start, stop), dim=2)
        keys = self._heads(layer, "k", 0, self.T)
        return next(value for stage, value in attention_stages(q, keys, start) if stage == inside)

    def _logits(self, start: int, stop: int) -> Tensor:
        if self._last_logits is not None and (start, stop) == (self.T - 1, self.T):
            return self._last_logits.clone()
        if not self._weights.still_in(self._model):
            raise RuntimeError(
                "the logits are derived from lm_head's weight, and the model's weights have changed since this "
                "trace was captured; capture again"
            )
        return self._model.lm_head(self._held(naming.LN_F, start, stop))

    def _loss(self, start: int, stop: int) -> Tensor:
        """-ln p of the token that follows, (B, t), in nats; NaN at the last position, whose next token is unknown."""
        known = min(stop, self.T - 1)
        loss = torch.full((self.B, stop - start), torch.nan, device=self._device)
        if start < known:
            logits = self._logits(start, known)  # (B, t, V)
            loss = loss.to(logits.dtype)
            targets = self._held(naming.IDX, start + 1, known + 1)  # (B, t)
            loss[:, : known - start] = F.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
        return loss

    @property
    def _device(self) -> torch.device:
        return self._rows.others[0].store.tensors[naming.IDX].device

    # What the next capture takes over

    def _past(self, count: int) -> list[list[KeysValues]]:
        """Keys and values of the first positions, layer by layer, in pieces; views."""
        layers = (self._views(naming.block(i, "attn.c_attn"), 0, count) for i in range(self.config.n_layer))
        return [[self._keys_values(rows) for rows in found] for found in layers]

    def _keys_values(self, rows: Tensor) -> KeysValues:
        """K and V of some rows (B, t, 3C) of `c_attn`; views, as few steps as can be: each layer needs them."""
        thirds = rows.view(*rows.shape[:2], 3, self.config.n_head, -1).permute(2, 0, 3, 1, 4)  # (3, B, H, t, D)
        _, k, v = thirds.unbind(0)
        return k, v


def capture(
    model: GPT,
    ids: Sequence[int] | Tensor,
    *,
    names: Sequence[str] | None = None,
    previous: Trace | None = None,
) -> Trace:
    """Runs the model on the ids and keeps every tensor of the run, or what the given names need.

    With `previous`, the positions that both have in common from the start are taken over and not run again. They
    are only where they are certainly the same: same model, weights unchanged, changed by the same hooks of others, same
    batch size and precision, and everything held that is wanted now; otherwise the run is a fresh one. `Trace.reused`
    tells. PyTorch counts each change of a weight but one through `.data`, of which a sample is looked at, and none of
    an attribute such as `eps`; and a new hook is seen where positions run: after such a change leave `previous` out.

    Args:
        model: in eval mode, on any device.
        ids: token ids, a list, (T,) or (B, T), with 1 <= T <= block_size.
        names: what to hold; all that can be derived from it is readable too.
        previous: an earlier trace. It stays as it is.

    Raises:
        ValueError: ids that are empty, too many, no integers or beyond the vocabulary; a model that is training
            with dropout, whose numbers would not be those of the model; a hook of somebody else's that changes what
            a trace would not tell.
        KeyError: a name that is not in the map.

    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> longer = capture(model, [3, 1, 4, 1], previous=trace)
    >>> longer.reused, longer.logits.shape
    (3, torch.Size([1, 4, 5]))
    """
    tokens = _check_ids(ids, model.config).to(model.lm_head.weight.device)
    if model.training and model.config.dropout > 0:
        raise ValueError(
            f"the model is in training mode with dropout {model.config.dropout}, so each run would differ; "
            "call model.eval() first"
        )
    if isinstance(names, str):
        raise ValueError(f"names is a list of names, got the text {names!r}; pass [{names!r}]")
    wanted = stored.needed(model.config, names)
    key = (id(model), len(tokens), _precision(tokens.device))
    reused = _reusable(previous, model, tokens, key, wanted) if previous is not None else 0
    if previous is None or not reused:
        made, logits, changes = _run(model, tokens, wanted, None)
        rows, weights = Rows.fresh(made, model.config), WeightsSeen.now(model)
        return Trace(model, rows, weights, key, wanted, logits, 0, changes)
    rows, weights, wanted = previous._rows, previous._weights, previous._wanted
    if reused < previous.T:
        rows = rows.cut(reused, model.config)
    if reused == tokens.size(1):  # a text deleted from its end: nothing to run
        kept = previous._last_logits if reused == previous.T else None
        return Trace(model, rows, weights, key, wanted, kept, reused, previous._changes)
    made, logits, changes = _run(model, tokens[:, reused:], wanted, previous._past(reused))
    if changes != previous._changes:  # hooks that the earlier positions did not pass
        return capture(model, tokens, names=names)
    return Trace(model, rows.grown(made, model.config), weights, key, wanted, logits, reused, changes)


def _reusable(previous: Trace, model: GPT, tokens: Tensor, key: tuple[object, ...], wanted: frozenset[str]) -> int:
    """How many positions of `previous` are certainly what a fresh run would give: 0 where anything differs."""
    if previous._key != key or not previous._wanted >= wanted | stored.for_attention(model.config):
        return 0
    if not previous._changes <= hooks.ready(model, stored.modules(model.config)).foreign.items():
        return 0
    return _common_prefix(previous.ids, tokens) if previous._weights.still_in(model) else 0


def capture_cost(config: GPTConfig, T: int, B: int = 1, dtype: str = "float32") -> int:
    """Bytes that a trace of everything will hold, before the run.

    >>> capture_cost(GPTConfig.preset("gpt2"), T=1024) / 1e9 < 0.75
    True
    """
    shapes = architecture(config).shapes(B=B, T=T)
    size = getattr(torch, dtype).itemsize
    numbers = sum(torch.Size(shapes[name]).numel() for name in naming.held(config.n_layer) if name != naming.IDX)
    return (numbers + B * config.vocab_size) * size + B * T * torch.int64.itemsize


def _run(
    model: GPT, tokens: Tensor, wanted: frozenset[str], past: list[list[KeysValues]] | None
) -> tuple[dict[str, Tensor], Tensor, Changes]:
    """The tensors of a run that are wanted, the last position's logits, and what others' hooks changed."""
    modules = stored.modules(model.config)
    others = hooks.ready(model, modules).foreign
    if others:
        with third_party.watching(model, others) as changes:
            outputs, logits = _record(model, tokens, past)
        third_party.check(changes, (*modules, naming.LOGITS))
        changed = frozenset((name, others[name]) for name, _ in changes)
    else:
        outputs, logits = _record(model, tokens, past)
        changed = frozenset()
    outputs[naming.IDX] = tokens
    return {name: outputs[name] for name in wanted}, logits, changed


def _record(model: GPT, tokens: Tensor, past: list[list[KeysValues]] | None) -> tuple[dict[str, Tensor], Tensor]:
    with torch.no_grad(), hooks.recording() as outputs:
        logits, _ = model(tokens, past=past)
    if len(outputs) == len(modules := stored.modules(model.config)):
        return outputs, logits
    hooks.ready(model, modules, anew=True)  # a module was replaced since
    with torch.no_grad(), hooks.recording() as outputs:
        logits, _ = model(tokens, past=past)
    return outputs, logits


def _check_ids(ids: Sequence[int] | Tensor, config: GPTConfig) -> Tensor:
    """The ids as (B, T) int64."""
    if isinstance(ids, str):
        raise ValueError("token ids are numbers, got a text; pass tokenizer.encode(text)")
    tokens = torch.as_tensor(ids)
    if tokens.numel() == 0:
        raise ValueError("no token ids: a run needs at least one; encode a text that is not empty")
    if tokens.is_floating_point() or tokens.is_complex() or tokens.dtype == torch.bool:
        raise ValueError(f"token ids must be integers, got {tokens.dtype}")
    if tokens.dim() not in (1, 2):
        raise ValueError(f"token ids must be a list, (T,) or (B, T), got the shape {tuple(tokens.shape)}")
    tokens = tokens.long().view(-1, tokens.size(-1))
    if tokens.size(1) > config.block_size:
        raise ValueError(
            f"{tokens.size(1)} tokens, and this model sees at most {config.block_size} (block_size); "
            f"pass the last ones, ids[-{config.block_size}:]"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= config.vocab_size:
        wrong = low if low < 0 else high
        raise ValueError(f"token id {wrong} is outside this model's vocabulary, 0 to {config.vocab_size - 1}")
    return tokens.clone()


def _precision(device: torch.device) -> tuple[str, torch.dtype | None]:
    autocast = torch.is_autocast_enabled(device.type)
    return device.type, torch.get_autocast_dtype(device.type) if autocast else None


def _common_prefix(old: Tensor, new: Tensor) -> int:
    """How many positions, from the first, are the same in every row of (B, T)."""
    T = min(old.size(1), new.size(1))
    same = (old[:, :T] == new[:, :T]).all(dim=0)
    return int(same.long().cumprod(dim=0).sum())
