"""Scores of attention heads: one number a head says how much it is of a known kind.

They are measured on sequences of random ids repeated once, in which only the repetition can be known, or on the very
prompt of a run. No text here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from gptcore.capture.capture import capture
from gptcore.capture.ids import checked_ids
from gptcore.capture.models import Model, model_of
from gptcore.capture.trace import Trace
from gptcore.graph.architecture import architecture
from gptcore.model import GPT

KINDS = {
    "previous": "attention to the token before",
    "induction": "attention to what came after this token the last time",
    "duplicate": "attention to the same token, the last time",
    "first": "attention to the first token",
}
"""The scores that a training keeps of each snapshot."""
SCORES = KINDS | {
    "current": "attention to the token itself",
    "sink": "attention to the first token, as a place to rest: a sink if above 0.3",
}
"""All scores, and what each is."""
SINK, SINK_LENGTH, SINK_ROWS = 0.3, 64, 100
"""A head above this score is a sink; tokens and sequences of the sink's own probe."""
MATCH_LENGTH, MATCH_COPIES, MATCH_ROWS = 25, 4, 10
"""The probe of prefix matching: so many random tokens, so many times, in so many sequences."""
AT_ONCE, MUCH = 4096, 4e10
"""Tokens of a probe that are run at a time at most, and multiplications: a long analysis gives way between two runs."""


def repeated(vocab_size: int, half: int, rows: int, seed: int = 0, copies: int = 2) -> Int[Tensor, "rows T"]:
    """Return random ids repeated once (or more often), (rows, copies * half).

    No id is twice in a half, where there are enough of them.
    """
    generator = torch.Generator().manual_seed(seed)
    if vocab_size >= half:
        first = torch.rand(rows, vocab_size, generator=generator).argsort(dim=1)[:, :half]
    else:
        first = torch.randint(vocab_size, (rows, half), generator=generator)
    return torch.cat([first] * copies, dim=1)


def head_scores(
    model: Model,
    ids: Sequence[Sequence[int]] | Tensor | None = None,
    *,
    rows: int = 16,
    half: int | None = None,
    seed: int = 0,
    kinds: Collection[str] = tuple(SCORES),
) -> dict[str, Float[Tensor, "L H"]]:
    """Return for each kind in `SCORES` the mean attention that each head pays in this way, (L, H), from 0 to 1.

    "previous", "current" and "first" are means of A[q, q-1], A[q, q] and A[q, 0] over all queries q that have such a
    key. "duplicate" and "induction" are means of A[q, q-half] and A[q, q-half+1] over the queries of the second half.
    "sink" is the mean of A[q, 0] over the first 64 positions (a whole context, if that is shorter): on a probe of its
    own, 100 sequences of random ids, or on `ids` where these are given. Levels by chance are in `chance.of_scores`.

    Args:
        model: a model or checkpoint, in eval mode.
        ids: the probe, (B, 2 * half): each row some ids and the same once more. By default random ids of the whole
            vocabulary, no id twice in a half where that can be, and no special token before them.
        rows: the number of sequences of the default probe.
        half: the length of what it repeats, by default half a context, at most 64.
        seed: the seed of its random ids, and of the sink's.
        kinds: the scores that are wanted.

    Raises:
        ValueError: the model is in training mode with dropout, a half does not fit twice into the context, ids that
            are not the same twice, or an unknown kind.

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads"; Gu et al. 2025, "When Attention Sink Emerges
    in Language Models", whose probe is of text.

    >>> from gptcore.config import GPTConfig
    >>> config = GPTConfig(block_size=16, vocab_size=20, n_layer=2, n_head=2, n_embd=8)
    >>> scores = head_scores(GPT(config).eval())
    >>> sorted(scores), tuple(scores["induction"].shape)
    (['current', 'duplicate', 'first', 'induction', 'previous', 'sink'], (2, 2))
    >>> head_scores(GPT(config).eval(), [[3, 1, 4, 3, 1, 4]])["sink"].shape
    torch.Size([2, 2])
    """
    gpt = model_of(model)
    if unknown := [kind for kind in kinds if kind not in SCORES]:
        raise ValueError(f"there is no score {unknown[0]!r}; choose of {', '.join(SCORES)}")
    probe = _default(gpt, rows, half, seed) if ids is None else _given(gpt, ids)
    return _measured(gpt, probe, kinds, None if ids is not None else _rest(gpt, seed), _nothing)


def probe_pieces(model: Model) -> int:
    """Return in how many pieces `probe_scores` measures."""
    gpt = model_of(model)
    return sum(len(ids.split(_at_once(gpt, ids))) for ids in (_default(gpt, 16, None, 0), _rest(gpt, 0)))


def probe_scores(model: Model, after: Callable[[], None]) -> dict[str, Float[Tensor, "L H"]]:
    """Return what `head_scores` does for its default probe; `after` is called after each piece."""
    gpt = model_of(model)
    return _measured(gpt, _default(gpt, 16, None, 0), tuple(SCORES), _rest(gpt, 0), after)


def _nothing() -> None:
    pass


def _rest(gpt: GPT, seed: int) -> Tensor:
    """Return the sink's own probe."""
    return _random(gpt, SINK_ROWS, min(SINK_LENGTH, gpt.config.block_size), seed)


def _measured(
    gpt: GPT, probe: Tensor, kinds: Collection[str], rest: Tensor | None, after: Callable[[], None]
) -> dict[str, Tensor]:
    """Return the scores on a probe, that of the sink on a probe of its own where there is one."""
    half = probe.size(1) // 2
    read: dict[str, Callable[[Tensor], Tensor]] = {
        "previous": lambda pattern: _diagonal(pattern, 1),
        "current": lambda pattern: _diagonal(pattern, 0),
        "first": lambda pattern: pattern[..., 0],
        "duplicate": lambda pattern: _diagonal(pattern, half),
        "induction": lambda pattern: _diagonal(pattern, half - 1)[..., 1:],
        "sink": lambda pattern: pattern[:, :, :SINK_LENGTH, 0],
    }
    of_probe = [kind for kind in kinds if kind != "sink" or rest is None]
    scores: dict[str, Tensor] = {}

    def means(pattern: Tensor) -> Tensor:
        return torch.stack([read[kind](pattern).mean((0, 2)) for kind in of_probe])

    if of_probe:
        scores = dict(zip(of_probe, _means(gpt, probe, means, after), strict=True))
    if "sink" in kinds and rest is not None:
        scores["sink"] = _means(gpt, rest, lambda pattern: read["sink"](pattern).mean((0, 2))[None], after)[0]
    return {kind: scores[kind] for kind in kinds}


def prefix_matching(model: Model, *, seed: int = 0) -> Float[Tensor, "L H"]:
    """Return the prefix-matching score of each head: the mean attention to tokens that followed earlier copies.

    The probe is 25 random ids, four times in a row, 10 sequences (fewer ids where the context is shorter); the mean is
    over all pairs of a query and a key that stands right after an earlier copy of the query's token. By chance
    `chance.prefix_matching`. A head that looks at such keys alone has them share its attention: it does not reach 1.

    Raises:
        ValueError: the model is in training mode with dropout, or its context is shorter than 4.

    Source: Olsson et al. 2022, "In-context Learning and Induction Heads".

    >>> from gptcore.config import GPTConfig
    >>> prefix_matching(GPT(GPTConfig(block_size=16, vocab_size=20, n_layer=2, n_head=2, n_embd=8)).eval()).shape
    torch.Size([2, 2])
    """
    gpt = model_of(model)
    length = min(MATCH_LENGTH, gpt.config.block_size // MATCH_COPIES)
    if not length:
        raise ValueError(f"a context of {gpt.config.block_size} has no room for {MATCH_COPIES} copies of a token")
    ids = repeated(gpt.config.vocab_size, length, MATCH_ROWS, seed, MATCH_COPIES)
    query = torch.arange(length * MATCH_COPIES)
    back = query[:, None] + 1 - query  # (T, T): how far before the query the token before the key stands
    followed = ((back > 0) & (back % length == 0) & (query > 0)).to(gpt.lm_head.weight.device)
    return _means(gpt, ids, lambda pattern: pattern[..., followed].mean((0, 2))[None])[0]


def prompt_scores(trace: Trace, row: int = 0) -> dict[str, Float[Tensor, "L H"]]:
    """Return the same scores on the very prompt of a run: of one sequence, NaN where no query has such a key.

    "duplicate" looks at the last earlier place of the query's own token, "induction" at the token right after that;
    both are means over the queries whose token has stood before.

    Raises:
        ValueError: the run has no such row.
        KeyError: the trace was captured with names that do not give the patterns.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> scores = prompt_scores(capture(model, [3, 1, 4]))
    >>> bool(scores["previous"].isnan().any()), bool(scores["induction"].isnan().all())
    (False, True)
    """
    if not 0 <= row < trace.B:
        raise ValueError(f"row must be from 0 to {trace.B - 1}, got {row}; the run has {trace.B} sequences")
    tokens: list[int] = trace.ids[row].tolist()
    places = key_places(tokens)
    arch = architecture(trace.config)
    found: dict[str, list[Tensor]] = {kind: [] for kind in places}
    for layer in range(trace.config.n_layer):
        pattern = trace[arch.named("pattern", layer)][row]  # (H, T, T)
        for kind, pairs in places.items():
            queries, keys = [q for q, _ in pairs], [k for _, k in pairs]
            found[kind].append(pattern[:, queries, keys].float().mean(-1))  # NaN where there are none
    return {kind: torch.stack(layers).cpu() for kind, layers in found.items()}


def prompt_chance(trace: Trace, row: int = 0) -> dict[str, float]:
    """Return what `prompt_scores` are of uniform attention, on the very prompt of a run; NaN where they are not.

    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> prompt_chance(capture(model, [3, 1, 3]))["induction"], prompt_chance(capture(model, [3, 1, 3]))["previous"]
    (0.3333333333333333, 0.41666666666666663)
    """
    places = key_places(trace.ids[row].tolist())
    return {
        kind: math.fsum(1 / (query + 1) for query, _ in pairs) / len(pairs) if pairs else math.nan
        for kind, pairs in places.items()
    }


def key_places(tokens: Sequence[int]) -> dict[str, list[tuple[int, int]]]:
    """Return for each kind in `SCORES` the pairs of a query and the key that it looks at, in these tokens.

    >>> key_places([7, 8, 7])["induction"], key_places([7, 8, 7])["previous"]
    ([(2, 1)], [(1, 0), (2, 1)])
    """
    queries = range(len(tokens))
    last: dict[int, int] = {}
    before: list[tuple[int, int]] = []
    for query, token in enumerate(tokens):
        if token in last:
            before.append((query, last[token]))
        last[token] = query
    return {
        "previous": [(q, q - 1) for q in queries[1:]],
        "induction": [(q, k + 1) for q, k in before],
        "duplicate": before,
        "first": [(q, 0) for q in queries],
        "current": [(q, q) for q in queries],
        "sink": [(q, 0) for q in queries[:SINK_LENGTH]],
    }


def _default(gpt: GPT, rows: int, half: int | None, seed: int) -> Tensor:
    context = gpt.config.block_size
    half = min(context // 2, 64) if half is None else half
    if not 2 <= 2 * half <= context:
        raise ValueError(f"half: {half} tokens twice do not fit into a context of {context}; take fewer")
    return repeated(gpt.config.vocab_size, half, rows, seed)


def _given(gpt: GPT, ids: Sequence[Sequence[int]] | Tensor) -> Tensor:
    tokens = checked_ids(gpt, ids)
    half = tokens.size(1) // 2
    if tokens.size(1) % 2 or not torch.equal(tokens[:, :half], tokens[:, half:]):
        raise ValueError(
            f"ids must be rows of some ids and the same once more, got rows of {tokens.size(1)} that are not; "
            "for a prompt take prompt_scores(trace)"
        )
    return tokens


def _random(gpt: GPT, rows: int, length: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed + 1)
    return torch.randint(gpt.config.vocab_size, (rows, length), generator=generator)


def _at_once(gpt: GPT, ids: Tensor) -> int:
    """Return the number of sequences that are run at a time."""
    of_run = sum(weight.numel() for block in gpt.transformer.h for weight in block.parameters()) or 1
    return max(1, min(AT_ONCE, int(MUCH / of_run)) // ids.size(1))


def _means(
    gpt: GPT, ids: Tensor, read: Callable[[Tensor], Tensor], after: Callable[[], None] = _nothing
) -> Float[Tensor, "n L H"]:
    """Return the mean of what is read of each layer's pattern, (n, H), over all sequences, run some at a time."""
    arch = architecture(gpt.config)
    names = [arch.named("pattern", layer) for layer in range(gpt.config.n_layer)]
    found = torch.zeros((), dtype=torch.float64)
    for part in ids.to(gpt.lm_head.weight.device).split(_at_once(gpt, ids)):
        trace = capture(gpt, part, names=names)
        found = found + torch.stack([read(trace[name]) for name in names], dim=1).double().cpu() * len(part)
        after()
    return (found / len(ids)).float()


def _diagonal(pattern: Float[Tensor, "B H T T"], back: int) -> Float[Tensor, "B H t"]:
    """Return what each query gives to the key so many places back; the first of them have none."""
    return pattern.diagonal(-back, dim1=-2, dim2=-1)
