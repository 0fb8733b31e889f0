"""Two prompts of one model side by side: their tokens, their lenses, and what patches between them do. No Streamlit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.components import Grid, Mark
from app.panels.lens_grid import LensGrid, lens_grid, row_labels
from app.panels.logit_difference import LogitDifference, normalised, signed
from app.panels.patches import SIDES, STATE, Patch
from gptcore import Trace, capture
from gptcore.capture.models import Model

MOST_COLUMNS = 96
"""Tokens of a prompt that are drawn, the last ones: with a cell for each depth and token, more make the page slow."""
TITLES = {"this": "This prompt", "other": "The other prompt"}


@dataclass(frozen=True, eq=False)
class PromptPair:
    """The runs of two prompts, by `SIDES`, as the model is and with the patches, and what the lens reads of them."""

    plain: dict[str, Trace]
    plain_lens: dict[str, LensGrid]
    run: dict[str, Trace]
    lens: dict[str, LensGrid]
    patches: tuple[Patch, ...]

    @classmethod
    def of(
        cls, model: Model, this: Trace, other: Trace, patches: Sequence[Patch], before: PromptPair | None
    ) -> PromptPair:
        """Put the patches that fit into the runs.

        Args:
            model: the model of both.
            this: the run of the prompt on the screen.
            other: that of the other.
            patches: the patches; each takes its value from the run of the other prompt as the model is.
            before: the pair before; what is the same is taken over.
        """
        plain = dict(zip(SIDES, (this, other), strict=True))
        lengths = {side: trace.T for side, trace in plain.items()}
        fitting = tuple(patch for patch in patches if patch.fits(this.config, lengths))
        same = before is not None and before.plain == plain
        plain_lens = before.plain_lens if before and same else {side: lens_grid(trace) for side, trace in plain.items()}
        run, lens = dict(plain), dict(plain_lens)
        for side in SIDES:
            edits = [patch.edit(plain[patch.source], lengths[side]) for patch in fitting if patch.into == side]
            if edits:
                run[side] = capture(model, plain[side].ids, edits=edits, previous=plain[side])
                lens[side] = lens_grid(run[side])
        return cls(plain, plain_lens, run, lens, fitting)

    @property
    def equal(self) -> bool:
        """True if both have as many tokens."""
        return self.plain["this"].T == self.plain["other"].T

    @property
    def differing(self) -> list[int]:
        """The positions at which the prompts differ; where only one has a token, they do."""
        one, other = (self.plain[side].ids[0].tolist() for side in SIDES)
        longest = max(len(one), len(other))
        return [i for i in range(longest) if one[i : i + 1] != other[i : i + 1]]

    @property
    def first(self) -> int:
        """The first position at which they differ; 0 where they do not."""
        return next(iter(self.differing), 0)

    @property
    def start(self) -> int:
        """The first position that is drawn."""
        return max(0, max(trace.T for trace in self.plain.values()) - MOST_COLUMNS)

    def grids(self, label: Callable[[int], str], metric: LogitDifference, opening: Callable[[str], str]) -> list[Grid]:
        """Return the lens of each prompt as a grid.

        Args:
            label: the label of a token.
            metric: what is told before and after the patches.
            opening: writes Python that makes the runs of a prompt: `run` under the patches.
        """
        return [self._grid(side, label, metric, opening(side)) for side in SIDES]

    def _grid(self, side: str, label: Callable[[int], str], metric: LogitDifference, opening: str) -> Grid:
        lens, trace = self.lens[side], self.run[side]
        shown = range(min(self.start, trace.T - 1), trace.T)
        rows = range(len(lens.names))
        ids = trace.ids[0].tolist()
        return {
            "id": side,
            "title": TITLES[side],
            "note": self.told(side, metric),
            "rows": row_labels(lens.names),
            "cols": [label(ids[t]) for t in shown],
            "apart": [t - shown.start for t in self.differing if t in shown],
            "values": [[float(lens.probabilities[row, t, 0]) for t in shown] for row in rows],
            "texts": [[label(int(lens.top[row, t])) for t in shown] for row in rows],
            "hints": [[self._hint(side, row, t, label) for t in shown] for row in rows],
            "scale": "sequential",
            "marks": self._marks(side, shown),
            "code": f"{opening}\nfound = gptcore.logit_lens(run).logits[:, 0].double().softmax(-1).max(-1)",
        }

    def _hint(self, side: str, row: int, position: int, label: Callable[[int], str]) -> str:
        told = self.lens[side].hint(row, position, label)
        before = self.plain_lens[side].hint(row, position, label)
        return told if told == before else f"{told}; before: {before}"

    def _marks(self, side: str, shown: range) -> list[Mark]:
        here = [patch for patch in self.patches if patch.into == side]
        changed = self.lens[side].top != self.plain_lens[side].top
        found: list[Mark] = []
        for row in range(len(self.lens[side].names)):
            for t in shown:
                if any(patch.kind == STATE and (patch.layer, patch.place) == (row, t) for patch in here):
                    found.append({"row": row, "col": t - shown.start, "word": "put"})
                if any(patch.reaches(row, t, self.first) for patch in here):
                    found.append({"row": row, "col": t - shown.start, "word": "after"})
                if changed[row, t]:
                    found.append({"row": row, "col": t - shown.start, "word": "changed"})
        return found

    def told(self, side: str, metric: LogitDifference) -> str:
        """Return the metric of a prompt; under patches also before them, and how far it went towards the other."""
        before, after = metric.of(self.plain[side]), metric.of(self.run[side])
        if self.run[side] is self.plain[side]:
            return f"metric {signed(before)}"
        away = "other" if side == "this" else "this"
        goal = metric.of(self.plain[away])
        share = normalised(after, goal, before)
        way = "" if share is None else f": {share:.0%} of the way to {TITLES[away].lower()}'s {signed(goal)}"
        return f"metric {signed(before)} → {signed(after)}{way}"

    def words(self, patch: Patch, label: Callable[[int], str]) -> str:
        """Return what a patch does, in words."""
        into, source = (f"{TITLES[side].lower()}" for side in (patch.into, patch.source))
        if patch.by_head:
            what = {"head": "output", "pattern": "pattern", "value": "values"}[patch.kind]
            return f"{into}: {what} of head {patch.layer}.{patch.place} from {source}"
        target = f"{self._depth(patch, patch.layer)} at {self._token(patch.into, patch.place, label)}"
        if (patch.layer, patch.place) == (patch.from_layer, patch.from_place):
            return f"{into}: {target} from {source}"
        taken = f"{self._depth(patch, patch.from_layer)} at {self._token(patch.source, patch.from_place, label)}"
        return f"{into}: {target} from {source}'s {taken}"

    def _depth(self, patch: Patch, layer: int) -> str:
        if patch.kind != STATE:
            return f"{'attention' if patch.kind == 'attn' else 'MLP'} {layer}"
        return "embedding" if layer == 0 else f"state after block {layer - 1}"

    def _token(self, side: str, position: int, label: Callable[[int], str]) -> str:
        return f"{label(int(self.plain[side].ids[0, position]))!r} ({position})"
