"""One run of a prompt, and all that the screen tells of it. It never changes: another prompt is another run.

No Streamlit; nothing of the place in the map where one looks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import takewhile

import torch

from app.components import LensRow, NextToken
from app.panels import thumbnails
from app.session import costs
from app.session.changes import Made, Wish, changed_names, made_of, of_other_texts
from app.session.changes.references import References
from app.stores.limits import ALONE, Limits
from app.stores.speed import Cost
from gptcore import Checkpoint, Edit, Trace, architecture, capture
from gptcore.analysis.lens import logit_lens
from gptcore.analysis.parity import parity
from gptcore.analysis.token_loss import guess_at
from gptcore.capture.capture import capture_both
from gptcore.generation.sampling import STAGES, Sampling

LARGE = 32e6
"""Bytes of a run that is worth to be freed before the next one is made."""
LENS_TOKENS = 10
"""Tokens of each depth."""
ROUNDING = 1e-4
"""Rounding error of float32 over the layers of a GPT, as a share of the largest logit."""


@dataclass(frozen=True)
class Parity:
    """The difference between the logits on the screen and those of another path through the code."""

    difference: float
    is_rounding: bool


@dataclass(frozen=True, eq=False)
class Shown:
    """A prompt, the weights that it ran through, and what came of it. A run is equal to itself alone."""

    checkpoint: Checkpoint
    text: str
    ids: list[int]
    """Token ids of the whole prompt. The model sees only the last `block_size`."""
    cropped: int
    trace: Trace
    thumbnails: thumbnails.Thumbnails
    milliseconds: float
    references: References
    """The runs of other texts that were made for changes so far."""
    wishes: tuple[Wish, ...] = ()
    """The changes that are on; those of tokens that are not there yet wait, and are not in the trace."""
    here: tuple[Wish, ...] = ()
    """Those of them that are in the trace."""
    keeps: bool = False
    """True where every later pattern is kept as it is without the changes."""
    without: Trace | None = None
    """The run without the changes; None where it has none."""

    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        text: str,
        before: Shown | None = None,
        wishes: tuple[Wish, ...] | None = None,
        keeps: bool | None = None,
        limits: Limits = ALONE,
        stage: Callable[[Cost, int], None] = lambda cost, T: None,
    ) -> Shown:
        """Run the prompt. What is the same in `before`, a run of the same weights, is not computed again.

        Under changes the prompt is run without them, too: one sees what they do.

        Args:
            checkpoint: the weights, with what belongs to them.
            text: the prompt.
            before: the run before.
            wishes: the changes that are on; by default those of `before`.
            keeps: True to keep every later pattern as it is without the changes; by default as `before` does.
            limits: what the run may cost, with the runs of other texts that the changes need.
            stage: raises TooMuch where a run of this cost and so many tokens costs too much with what is looked at.

        Raises:
            ValueError: the tokenizer cannot read the text, or that of a change, or there is none; nothing was run.
            TooMuch: the text is too long, or the run would cost too much; nothing was run.
        """
        ids = read(checkpoint, text, limits)
        cropped = max(0, len(ids) - checkpoint.config.block_size)
        asked = wishes if wishes is not None else before.wishes if before else ()
        keeping = keeps if keeps is not None else before.keeps if before else False
        started = time.perf_counter()
        seen = ids[cropped:]
        T, config = len(seen), checkpoint.config
        references = _references(checkpoint, before)
        new = new_rows(checkpoint, seen, before)
        names = costs.kept(config, T, limits.memory)
        cost = costs.of_run(config, T, new, changed_names(asked, T, config, keeping), names)
        cost += of_other_texts(asked, T, references, limits)
        limits.check(cost, f"A run of {T:,} tokens")
        stage(cost, T)
        if before is not None and new and not costs.goes_on(config, T, new):
            if limits.memory < math.inf:
                before.let_go()
            before = None
        made = made_of(asked, T, references)
        if not keeping and before is not None and _goes_on(before, checkpoint, seen, made):
            previous = before.unchanged, before.trace
            trace, changed = capture_both(checkpoint.model, seen, made.edits, names=names, previous=previous)
        else:
            trace = _unchanged(checkpoint, seen, before, names, limits.seconds < math.inf)
            made = made_of(asked, T, references, trace) if keeping else made
            changed = _changed(checkpoint, trace, made.edits, before, names) if made.here else trace
        milliseconds = (time.perf_counter() - started) * 1e3
        alike = before is not None and before.trace.edits == made.edits  # else no row need be the same
        pictures = thumbnails.update(before.thumbnails if before and alike else None, changed)
        return cls(
            checkpoint,
            text,
            ids,
            cropped,
            trace=changed,
            thumbnails=pictures,
            milliseconds=milliseconds,
            references=references,
            wishes=asked,
            here=made.here,
            keeps=keeping,
            without=trace if made.here else None,
        )

    @property
    def unchanged(self) -> Trace:
        """The run of the model as it is, without any change."""
        return self.trace if self.without is None else self.without

    def let_go(self) -> None:
        """Free the tensors of a large run whose place another one takes. Whoever reads it after all has it run anew."""
        for trace in {id(each): each for each in (self.trace, self.unchanged)}.values():
            if trace.nbytes() > LARGE:
                names = costs.kept(self.checkpoint.config, trace.T, 0.0)
                trace.let_go(partial(capture, self.checkpoint.model, trace.ids, names=names, edits=trace.edits))

    @property
    def counter(self) -> str:
        """The used part of the context, and the cost of the run."""
        return f"{len(self.ids)} / {self.checkpoint.config.block_size} tokens · {self.milliseconds:.0f} ms"

    @cached_property
    def labels(self) -> list[str]:
        """The labels of all tokens of the prompt."""
        label = self.checkpoint.tokenizer.label
        return [label(index) for index in self.ids]

    @cached_property
    def tokens(self) -> list[str]:
        """The labels of the tokens that the model sees."""
        return self.labels[self.cropped :]

    def sees(self, token: int) -> bool:
        """Tell whether the model sees this token of the prompt: it is there, and not cropped."""
        return self.cropped <= token < len(self.ids)

    def next_tokens(self, position: int, sampling: Sampling, count: int) -> list[NextToken]:
        """Return the most likely tokens after a position: softmax of its logits over the temperature."""
        logits = self.logits_at(position).double()  # (V,)
        probabilities = torch.softmax(logits / sampling.temperature, dim=-1)
        drawn = sampling.stages(logits)[STAGES[-1]]
        top = torch.topk(logits, min(count, logits.numel()))
        label = self.checkpoint.tokenizer.label
        return [
            {
                "id": index,
                "label": label(index),
                "probability": probabilities[index].item(),
                "logit": logit,
                "rank": rank,
                "cut": drawn[index].item() == -math.inf,
            }
            for rank, (index, logit) in enumerate(zip(top.indices.tolist(), top.values.tolist(), strict=True), 1)
        ]

    def facts(self, position: int) -> list[tuple[str, str, str]]:
        """Return (name, value, meaning) of what is known at a position beside its most likely tokens."""
        guess = guess_at(self.trace, position)
        meaning = "how unsure the model is, in nats: 0 is sure, and e to this power is among how many equal tokens"
        found = [("entropy at T 1", f"{guess.entropy:.3f}", meaning)]
        if guess.target is None:
            return found
        return [
            ("target", self.tokens[position + 1], "the token that does follow in the prompt"),
            ("loss", f"{guess.loss:.3f}", "-log of the target's probability, in nats: what training makes smaller"),
            ("rank", str(guess.rank), "the target's place among all tokens, 1 is the most likely"),
            *found,
        ]

    def lens(self, position: int, opened: int) -> list[LensRow]:
        """Return the most likely tokens of the residual stream at each depth, read as logits.

        Args:
            position: the position of the context.
            opened: the block that is also read between its attention and its MLP.
        """
        arch = architecture(self.trace.config)
        read, middle = logit_lens(self.trace, positions=position), arch.named("residual between", opened)
        between = self.trace.unembedded(self.trace.rows(middle, position, position + 1))[0, 0]
        place = read.names.index(arch.named("residual", opened))
        names = [*read.names[:place], middle, *read.names[place:]]
        logits = torch.cat([read.logits[:place, 0, 0], between[None], read.logits[place:, 0, 0]])  # (rows, V)
        probabilities = logits.double().softmax(dim=-1)
        top = probabilities.topk(min(LENS_TOKENS, probabilities.shape[-1]))
        label = self.checkpoint.tokenizer.label
        found: list[LensRow] = []
        for name, tokens, shares in zip(names, top.indices.tolist(), top.values.tolist(), strict=True):
            node = arch.nodes[name]
            pairs = zip(tokens, shares, strict=True)
            found.append(
                {
                    "name": name,
                    "label": "emb" if node.role == "residual in" else str(node.layer),
                    "mid": node.role == "residual between",
                    "top": [{"id": token, "label": label(token), "probability": share} for token, share in pairs],
                }
            )
        return found

    def parity(self) -> Parity:
        """Run the prompt once more, through the teaching attention, and compare: without changes, which it has not."""
        difference = parity(self.checkpoint.model, self.unchanged)
        last, logits = self.unchanged.T - 1, architecture(self.trace.config).named("logits")
        largest = self.unchanged.rows(logits, last, last + 1).abs().max().item()
        bound = ROUNDING * max(1.0, largest)
        return Parity(difference, difference <= bound)

    def logits_at(self, position: int) -> torch.Tensor:
        """Return the logits of one position of the context, (V,); read once for all panels."""
        return self._read(self.trace, position)

    def logits_before(self, position: int) -> torch.Tensor:
        """Return the logits of one position in the run without the changes, (V,); read once for all panels."""
        return self._read(self.unchanged, position)

    def _read(self, trace: Trace, position: int) -> torch.Tensor:
        key = id(trace), position
        if key not in self._logits:
            logits = architecture(trace.config).named("logits")
            self._logits[key] = trace.rows(logits, position, position + 1)[0, 0]
        return self._logits[key]

    @cached_property
    def _logits(self) -> dict[tuple[int, int], torch.Tensor]:
        return {}

    def likely(self, position: int, count: int) -> list[int]:
        """Return the most likely tokens after a position, best first."""
        return _best(self.logits_at(position), count)

    def likely_unchanged(self, position: int, count: int) -> list[int]:
        """Return the most likely tokens after a position in the run without the changes, best first."""
        return _best(self.logits_before(position), count)


def _best(logits: torch.Tensor, count: int) -> list[int]:
    found: list[int] = logits.topk(min(count, logits.numel())).indices.tolist()
    return found


Names = tuple[str, ...] | None
"""The tensors that a run keeps; None for all."""


def _unchanged(checkpoint: Checkpoint, ids: list[int], before: Shown | None, names: Names, fair: bool) -> Trace:
    """Return the run of the model as it is; the very same one of the same tokens, as long as changes come and go.

    A `fair` one goes on in parts where it is long: between any two operations, others may have their turns.
    """
    if before is None:
        part, trace = costs.at_once(checkpoint.config, len(ids)) if fair else len(ids), None
        for stop in range(part, len(ids), part):
            trace = capture(checkpoint.model, ids[:stop], names=names, previous=trace)
        return capture(checkpoint.model, ids, names=names, previous=trace)
    same = before.checkpoint is checkpoint and before.ids[before.cropped :] == ids
    return before.unchanged if same else capture(checkpoint.model, ids, names=names, previous=before.unchanged)


def read(checkpoint: Checkpoint, text: str, limits: Limits) -> list[int]:
    """Return the ids of a prompt.

    Raises:
        ValueError: the tokenizer cannot read it.
        TooMuch: it is too long; one with too many bytes is not looked at.
    """
    limits.check_text(text)
    ids = checkpoint.tokenizer.encode_marked(text)
    limits.check_tokens(len(ids), checkpoint.config.block_size)
    return ids


def new_rows(checkpoint: Checkpoint, ids: list[int], before: Shown | None) -> int:
    """Return how many of the tokens that the model sees are to be run, where `before` is at hand."""
    if before is None or before.checkpoint is not checkpoint:
        return len(ids)
    return len(ids) - common(before.ids[before.cropped :], ids)


def _goes_on(before: Shown, checkpoint: Checkpoint, ids: list[int], made: Made) -> bool:
    """Tell whether both runs are other texts' under the changes that were there before: they go on together."""
    other = before.checkpoint is not checkpoint or before.ids[before.cropped :] != ids
    return other and bool(made.here) and before.trace.edits == made.edits


def _changed(
    checkpoint: Checkpoint, trace: Trace, edits: tuple[Edit, ...], before: Shown | None, names: Names
) -> Trace:
    """Return the run under edits, from the one before where it had the same, else from the run without them."""
    same = before is not None and before.trace.edits == edits
    previous = before.trace if before and same else trace
    return capture(checkpoint.model, trace.ids, names=names, edits=edits, previous=previous)


def _references(checkpoint: Checkpoint, before: Shown | None) -> References:
    """Return the runs of other texts under these weights."""
    same = before is not None and before.references.checkpoint is checkpoint
    return before.references if before and same else References(checkpoint)


def new_tokens(before: Shown, text: str, limits: Limits = ALONE) -> int:
    """Return how many tokens of a text its run could not take over from the one before; 0 if it cannot be read."""
    try:
        ids = read(before.checkpoint, text, limits)
    except ValueError:
        return 0
    block_size = before.checkpoint.config.block_size
    if len(ids) > block_size:
        return block_size
    return len(ids) - common(before.ids, ids)


def common(one: list[int], other: list[int]) -> int:
    """Return how many tokens two texts begin with alike.

    >>> common([3, 1, 4], [3, 1, 5, 9])
    2
    """
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
