"""`capture`: one run of a model as a trace, which takes over all that an earlier trace certainly shares with it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gptcore.capture import hooks, stored, third_party
from gptcore.capture.banks import Banks
from gptcore.capture.bound_edits import Edits, bound, first_difference, same_until
from gptcore.capture.changed_run import ChangedRun
from gptcore.capture.edits import Edit
from gptcore.capture.entrance import entrance, first_block
from gptcore.capture.exchanged import eagerly, exchanged, refuse_untrue
from gptcore.capture.few_rows import on_all_cores
from gptcore.capture.ids import Ids, checked_ids, common_prefix
from gptcore.capture.models import Model, model_of
from gptcore.capture.paired_run import PairedRun
from gptcore.capture.trace import Precision, Trace, precision
from gptcore.capture.values import Piece
from gptcore.capture.weight_fingerprint import WeightsSeen
from gptcore.config import GPTConfig
from gptcore.graph.architecture import architecture
from gptcore.graph.ops import Rows
from gptcore.model import GPT, KeysValues


def capture(
    model: Model,
    ids: Ids,
    *,
    names: Sequence[str] | None = None,
    previous: Trace | None = None,
    edits: Sequence[Edit] = (),
) -> Trace:
    """Run the model on the ids and keep every tensor of the run, or what the given names need.

    With `previous`, all that both runs certainly share is taken over and not run again: the positions that they have
    in common from the start and, where the edits differ, the blocks below the first tensor and the positions before
    the first one that they change differently. Certainly the same means: the same model with unchanged weights, no
    third-party hooks, the same batch size and precision, and everything cached that is wanted now; otherwise the run
    is a fresh one. `Trace.reused` tells. PyTorch counts each change of a weight but one through `.data`, of which a
    sample is looked at, and none of an attribute such as `eps`: after such a change leave `previous` out.

    Args:
        model: in eval mode, on any device. A Checkpoint, a model in DataParallel or compiled, and nanoGPT's own GPT,
            whose weights are copied, serve as well.
        ids: token ids, (T,) or (B, T), as lists or a tensor, with 1 <= T <= block_size.
        names: what to cache; all that can be derived from it is readable too.
        previous: an earlier trace. It stays as it is.
        edits: changes of the run, applied in the order given; see `Edit`.

    Raises:
        ValueError: another model, or one with parts that were exchanged and change what a trace would tell; ids that
            are empty, too many, no integers or beyond the vocabulary; a model that is training with dropout, whose
            numbers would not be those of the model; an edit that cannot be applied; a third-party hook that changes
            what a trace would not tell, or any such hook together with edits.
        KeyError: a name that is not in the map.

    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> trace = capture(model, [3, 1, 4])
    >>> longer = capture(model, [3, 1, 4, 1], previous=trace)
    >>> longer.reused, longer.logits.shape
    (3, torch.Size([1, 4, 5]))
    >>> without = capture(model, [3, 1, 4], edits=[Edit("transformer.h.1.mlp", "zero")], previous=trace)
    >>> without["transformer.h.1.resid_post"].equal(without["transformer.h.1.resid_mid"])
    True
    """
    edits = _checked(names, edits)
    with torch.inference_mode(False):  # whose tensors could not be written to afterwards
        gpt = model_of(model)
        other = exchanged(gpt)
        tokens = checked_ids(gpt, ids)
        with eagerly(gpt), on_all_cores(gpt):
            trace = _Capture(gpt, tokens, stored.wanted(gpt.config, names), edits).after(previous)
        if other:
            refuse_untrue(trace, other)
        return trace


def capture_cost(
    config: GPTConfig, T: int, B: int = 1, dtype: str = "float32", names: Sequence[str] | None = None
) -> int:
    """Return the bytes that a trace will hold, before the run: of everything, or as `capture` with these names.

    >>> capture_cost(GPTConfig.preset("gpt2"), T=1024) / 1e9 < 0.75
    True
    """
    shapes = architecture(config).shapes(B=B, T=T)
    size = getattr(torch, dtype).itemsize
    kept = stored.wanted(config, names) - {architecture(config).named("tokens")}
    numbers = sum(torch.Size(shapes[name]).numel() for name in kept)
    return (numbers + B * config.vocab_size) * size + B * T * torch.int64.itemsize


def capture_both(
    model: Model,
    ids: Ids,
    edits: Sequence[Edit],
    *,
    names: Sequence[str] | None = None,
    previous: tuple[Trace, Trace],
) -> tuple[Trace, Trace]:
    """Run the model on the ids without edits and under them; the traces are those of two calls of `capture`.

    Where both go on from the traces before by the same new tokens, they run together and each weight is read once:
    the second one then costs little. Sums of floats are rounded otherwise in a run of two rows than in one of one.

    Args:
        model: as for `capture`.
        ids: as for `capture`.
        edits: the changes of the second run.
        names: as for `capture`.
        previous: earlier traces, one without edits and one that may have them.

    Raises:
        ValueError: as `capture`.
        KeyError: as `capture`.

    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> edits = [Edit("transformer.h.0.attn.z", "zero", head=1)]
    >>> before = capture(model, [3, 1, 4]), capture(model, [3, 1, 4], edits=edits)
    >>> plain, changed = capture_both(model, [3, 1, 4, 1], edits, previous=before)
    >>> plain.reused, changed.reused, changed.edits == tuple(edits)
    (3, 3, True)
    """
    edits = _checked(names, edits)
    with torch.inference_mode(False):
        gpt = model_of(model)
        if exchanged(gpt):
            plain = capture(model, ids, names=names, previous=previous[0])
            return plain, capture(model, ids, names=names, edits=edits, previous=_nearer(previous[1], plain, edits))
        tokens, wanted = checked_ids(gpt, ids), stored.wanted(gpt.config, names)
        with eagerly(gpt), on_all_cores(gpt):
            return _both(_Capture(gpt, tokens, wanted, ()), _Capture(gpt, tokens, wanted, edits), previous)


def _checked(names: Sequence[str] | None, edits: Sequence[Edit]) -> tuple[Edit, ...]:
    if isinstance(names, str):
        raise ValueError(f"names is a list of names, got the text {names!r}; pass [{names!r}]")
    return (edits,) if isinstance(edits, Edit) else tuple(edits)


def _both(one: _Capture, other: _Capture, previous: tuple[Trace, Trace]) -> tuple[Trace, Trace]:
    starts = one.goes_on(previous[0]), other.goes_on(previous[1])
    if not starts[0] or starts[0] != starts[1]:
        plain = one.after(previous[0])
        return plain, other.after(_nearer(previous[1], plain, other.edits))
    layer = min((first_block(one.config, name) for name in other.bound), default=one.config.n_layer)
    before = previous[0]._values, previous[1]._values
    run = PairedRun(one.model, one.tokens, other.bound, layer, before, starts[0])
    with torch.no_grad():
        run.run()
        logits = run.last_logits()
    edited = architecture(one.config).named("logits") in other.bound
    return (
        one.longer(previous[0], starts[0], run.plain.made, logits[0]),
        other.longer(previous[1], starts[1], run.changed.made, None if edited else logits[1]),
    )


def _nearer(changed: Trace, plain: Trace, edits: tuple[Edit, ...]) -> Trace:
    """Return the run that one under these edits has more in common with."""
    return changed if changed.edits == edits else plain


class _Capture:
    """One call of `capture`, its arguments checked."""

    def __init__(self, model: GPT, tokens: Tensor, wanted: frozenset[str], edits: tuple[Edit, ...]) -> None:
        self.model, self.tokens, self.wanted, self.edits = model, tokens, wanted, edits
        self.config, (self.B, self.T) = model.config, tokens.shape
        self.bound: Edits = bound(edits, model.config, self.B, self.T, model) if edits else {}
        self.precision: Precision = precision(tokens.device.type)
        self.foreign = hooks.ready(model, stored.modules(model.config)).foreign
        if self.foreign and edits:
            raise ValueError(
                f"an edited run would pass by the third-party hooks on "
                f"{', '.join(sorted(name or 'the model' for name in self.foreign))}; remove them first"
            )

    def after(self, previous: Trace | None) -> Trace:
        """Return the trace, with what `previous` shares with it taken over."""
        common = self._common(previous) if previous is not None else 0
        if previous is None or not common:
            return self._fresh()
        if self.wanted < previous._cached:
            previous = previous.only(self.wanted)
        if previous.edits == self.edits:
            common = same_until(previous._bound, self.bound, common)
            return self._grown(previous, common) if common else self._fresh()
        return self._changed(previous)

    def _common(self, previous: Trace) -> int:
        """Return how many positions from the first have the same ids in both runs; 0 where anything else differs."""
        if previous._model is not self.model or previous.B != self.B or previous._precision != self.precision:
            return 0
        if self.foreign or previous._foreign or not stored.covers(self.config, previous._cached, self.wanted):
            return 0
        return 0 if previous._weights.stale(self.model) else common_prefix(previous.ids, self.tokens)

    # Three ways to a trace

    def _fresh(self) -> Trace:
        made, logits, foreign = self._run(None, 0)
        banks = Banks.fresh(stored.banks(self.config, self.wanted), made, self.T)
        return self._trace(banks, logits, 0, WeightsSeen.now(self.model), self.wanted, foreign)

    def _grown(self, previous: Trace, common: int) -> Trace:
        """Return the trace of a text that begins like another one, under the same edits."""
        if common == self.T:  # a text deleted from its end: nothing to run
            logits = previous._last_logits if common == previous.T else None
            return self._trace(_cut(previous, common), logits, common, previous._weights, previous._cached)
        made, logits, _ = self._run(previous, common, previous._cached)
        return self.longer(previous, common, made, logits)

    def goes_on(self, previous: Trace) -> int:
        """Return the rows that are taken over where only new ones follow, of the same tensors and edits; else 0."""
        if previous.edits != self.edits or previous._cached != self.wanted:
            return 0
        common = same_until(previous._bound, self.bound, self._common(previous))
        return common if common < self.T else 0

    def longer(self, previous: Trace, common: int, made: dict[str, Tensor], logits: Tensor | None) -> Trace:
        """Return the trace of a text that goes on from another one, whose new rows were made."""
        rows = self._cacheable(made, previous._cached)
        banks = _cut(previous, common).grown(rows, self.T - common)
        return self._trace(banks, logits, common, previous._weights, previous._cached)

    def _changed(self, previous: Trace) -> Trace:
        """Return the trace of other edits: of the same ids, once `previous` was brought to them."""
        base = previous
        if not torch.equal(previous.ids, self.tokens):
            try:
                base = _Capture(self.model, self.tokens, previous._cached, previous.edits).after(previous)
            except ValueError:  # its edits do not fit a text of this length
                return self._fresh()
        names, start = first_difference(base._bound, self.bound)
        layer = min((first_block(self.config, name) for name in names), default=self.config.n_layer)
        through = entrance(self.config, layer)
        if not (layer or start) or through not in stored.available(self.config, base._cached):
            return self._fresh()
        run = ChangedRun(self.model, self.tokens, self.bound, base._values, layer, start)
        with torch.no_grad():
            run.run()
            logits = self._last_logits(run.made)
        below = stored.below(self.config, layer) if layer else frozenset[str]()
        above = base._cached - below
        made = self._cacheable(run.made, above)
        lower = base._banks.only(below)
        upper = (
            base._banks.only(above).cut(start).grown(made, self.T - start)
            if start
            else Banks.fresh(stored.banks(self.config, above), made, self.T)
        )
        return self._trace(Banks((*lower, *upper)), logits, start, base._weights, base._cached)

    def _trace(
        self, banks: Banks, logits: Tensor | None, reused: int, weights: WeightsSeen, cached: frozenset[str],
        foreign: bool = False,
    ) -> Trace:  # fmt: skip
        return Trace(
            self.model, banks, weights, self.B, self.precision, cached, logits, reused, self.edits, self.bound, foreign
        )

    # The run itself

    def _run(
        self, previous: Trace | None, start: int, cached: frozenset[str] | None = None
    ) -> tuple[dict[str, Tensor], Tensor | None, bool]:
        """Run positions `start` to T; return the cached tensors, the last logits, and whether hooks changed any."""
        foreign, kept = False, self.wanted if cached is None else cached
        with torch.no_grad():
            if self.edits:
                before = previous._values if previous else None
                run = ChangedRun(self.model, self.tokens, self.bound, before, 0, start)
                run.run()
                made, logits = run.made, self._last_logits(run.made)
            else:
                past = self._past(previous, start) if previous is not None else None
                keep = stored.outputs(self.config, kept)
                if self.foreign:
                    with third_party.watching(self.model, self.foreign) as changes:
                        made, logits = self._record(start, past, keep)
                    told = (*stored.modules(self.config), architecture(self.config).named("logits"))
                    third_party.check(changes, told)
                    foreign = bool(changes)
                else:
                    made, logits = self._record(start, past, keep)
                made[architecture(self.config).named("tokens")] = self.tokens[:, start:]
            return self._cacheable(made, kept), logits, foreign

    def _record(
        self, start: int, past: list[list[KeysValues]] | None, keep: frozenset[str] | None
    ) -> tuple[dict[str, Tensor], Tensor]:
        tokens, modules = self.tokens[:, start:], stored.modules(self.config)
        with hooks.recording(keep) as recorder:
            logits, _ = self.model(tokens, past=past)
        if len(recorder.passed) < len(modules):
            hooks.ready(self.model, modules, anew=True)  # a module was replaced since
            with hooks.recording(keep) as recorder:
                logits, _ = self.model(tokens, past=past)
        return recorder.outputs, logits

    def _last_logits(self, made: dict[str, Tensor]) -> Tensor | None:
        """Return the logits of the last position of an edited run; None where they are edited themselves."""
        arch = architecture(self.config)
        if arch.named("logits") in self.bound:
            return None
        logits: Tensor = self.model.lm_head(made[arch.named("final norm")][:, -1:])
        return logits

    def _cacheable(self, made: dict[str, Tensor], cached: frozenset[str]) -> dict[str, Tensor]:
        """Return the tensors to cache; keys and values where the tensor that they are cut from is not among them."""
        found = {name: made[name] for name in cached if name in made}
        if len(found) < len(cached):
            nodes = stored.nodes(self.config)
            for name in cached - found.keys():
                node = nodes[name]
                source = made[node.operands[0]]
                found[name] = node.op.rows(Piece(self.config, source), Rows(0, source.size(1))).contiguous()
        return found

    def _past(self, previous: Trace, count: int) -> list[list[KeysValues]]:
        """Return keys and values of the first positions, layer by layer, in pieces; views."""
        layers = []
        for projection, names in zip(stored.projections(self.config), stored.keys_values(self.config), strict=True):
            joint = previous._banks.read(projection, 0, count)
            if joint is not None:
                layers.append([self._keys_values(rows) for rows in joint])
            else:
                keys, values = (previous._banks.read(name, 0, count) or [] for name in names)
                layers.append(list(zip(keys, values, strict=True)))
        return layers

    def _keys_values(self, rows: Tensor) -> KeysValues:
        """Cut K and V of rows (B, t, 3C) of a projection; views, in few steps: each key needs them in all layers."""
        thirds = rows.view(*rows.shape[:2], 3, self.config.n_head, -1).permute(2, 0, 3, 1, 4)  # (3, B, H, t, D)
        _, k, v = thirds.unbind(0)
        return k, v


def _cut(trace: Trace, count: int) -> Banks:
    """Return the first rows of what a trace caches."""
    return trace._banks.cut(count) if count < trace.T else trace._banks
