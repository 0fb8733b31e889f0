"""`generate`: a text that a model goes on with; each token with the run and the distribution it was drawn from."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from gptcore.capture.capture import capture
from gptcore.capture.edits import Edit
from gptcore.capture.ids import Ids, checked_ids
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.generation.sampling import STAGES, Sampling, draw, generator_at, whole
from gptcore.graph.architecture import architecture
from gptcore.model import GPT


@dataclass(frozen=True, eq=False)
class Step:
    """One token that was drawn, and all that it was drawn from."""

    id: int
    """The token drawn."""
    trace: Trace
    """The run that it was drawn from: of the text before this token."""
    stages: Mapping[str, Tensor]
    """The scores after each stage, (V,) each: logits, temperature, top_k, top_p. What is cut is -inf."""
    probs: Tensor
    """The probabilities that it was drawn with, (V,): the softmax of the last stage."""


def generate(
    model: Model,
    ids: Ids,
    max_new_tokens: int = 20,
    temperature: float = 0.8,
    top_k: int | None = 40,
    top_p: float | None = None,
    seed: int = 0,
    edits: Sequence[Edit] = (),
) -> Iterator[Step]:
    """Go on with a text, one token a step. A step is run when it is asked for, and costs one position.

    Beyond block_size the model sees the last block_size tokens, as in nanoGPT: positions shift, so each step is a full
    pass. The random number of a step hangs on the seed and on the token's place in the text alone, so that a text that
    is continued token by token, with `ids` one longer at each call, is the same as one continued at once.

    Args:
        model: a Checkpoint, or a model as `capture` takes it.
        ids: token ids of one text, (T,) or (1, T), at least one.
        max_new_tokens: how many steps there are, 0 or more.
        temperature: the logits are divided by it; 0 takes the most likely token, whatever the seed.
        top_k: how many of the most likely tokens can be drawn; None for all.
        top_p: the share of the probability that can be drawn from, from the most likely token down; None for all.
        seed: any whole number.
        edits: changes of each run, as for `capture`. Where the text is longer than the context, their positions are
            those of the tokens that the model sees.

    Raises:
        ValueError: an argument outside its range, several texts at once; and what `capture` raises, for edits when the
            step that they do not fit is run.

    Source: nanoGPT's `GPT.generate`.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> steps = list(generate(model, [3, 1, 4], max_new_tokens=8))
    >>> [step.trace.T for step in steps], steps[-1].trace.ids[0, -1].item() == steps[-2].id
    ([3, 4, 5, 6, 7, 8, 8, 8], True)
    """
    count = whole(max_new_tokens, at_least=0)
    if count is None:
        raise ValueError(f"max_new_tokens must be a whole number of at least 0, got {max_new_tokens!r}")
    sampling = Sampling(temperature, top_k, top_p)
    _check_seed(seed)
    gpt = model_of(model)
    return _steps(gpt, _one_text(gpt, ids), count, sampling, seed, edits)


def next_token(trace: Trace, sampling: Sampling | None = None, seed: int = 0, position: int | None = None) -> Step:
    """Draw the token that follows a run: one step of `generate`.

    Args:
        trace: the run, of one text.
        sampling: temperature, top_k and top_p; without, the defaults of `generate`.
        seed: any whole number.
        position: the place of the new token in the whole text; by default T, which is right unless the text was
            cropped to the context.

    Raises:
        ValueError: a run of several texts, or logits that are no numbers.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> (step,) = generate(model, [3, 1, 4], max_new_tokens=1)
    >>> next_token(capture(model, [3, 1, 4])).id == step.id
    True
    """
    _check_seed(seed)
    if trace.B != 1:
        raise ValueError(f"a step draws one token, and this run has {trace.B} texts; capture one of them")
    logits = trace.rows(architecture(trace.config).named("logits"), trace.T - 1, trace.T)[0, 0]  # (V,)
    with torch.no_grad():
        stages = (sampling or Sampling()).stages(logits)
        probs = stages[STAGES[-1]].softmax(dim=-1)
        drawn = draw(probs, generator_at(seed, trace.T if position is None else position))
    return Step(drawn, trace, MappingProxyType(stages), probs)


def _steps(
    model: GPT, text: list[int], count: int, sampling: Sampling, seed: int, edits: Sequence[Edit]
) -> Iterator[Step]:
    trace = None
    for _ in range(count):
        trace = capture(model, text[-model.config.block_size :], previous=trace, edits=edits)
        step = next_token(trace, sampling, seed, position=len(text))
        yield step
        text = [*text, step.id]


def _one_text(model: GPT, ids: Ids) -> list[int]:
    """Return the ids of the whole text; all that a model may refuse is refused here, before the first step."""
    if isinstance(ids, str):
        checked_ids(model, ids)  # says what to do
    tokens = torch.as_tensor(ids)
    if tokens.dim() == 2 and tokens.size(0) > 1:
        raise ValueError(f"one text is wanted, got {tokens.size(0)} of them; call generate for each")
    checked_ids(model, tokens[..., -model.config.block_size :])
    whole_text: list[int] = tokens.flatten().tolist()
    return whole_text


def _check_seed(seed: object) -> None:
    try:
        operator.index(seed)  # type: ignore[arg-type]
    except TypeError:
        raise ValueError(f"seed must be a whole number, got {seed!r}; take 0") from None
