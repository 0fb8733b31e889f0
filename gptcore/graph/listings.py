"""Source to read beside a run: the files of this very package, and what each line made in the run. No torch.

Lines are found in the text of the files (`source_lines.py`), never typed; that they made it is held by a test against
a real run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

from gptcore.graph.node import BLOCK
from gptcore.graph.ops import Axes
from gptcore.graph.source_lines import FILE, Source, Where, find, whole

Topic = Literal["model", "teaching", "loss", "generation"]

TEACHING = "gptcore/analysis/teaching_attention.py"
WINDOWS = "gptcore/data/windows.py"
LOOP = "gptcore/train/loop.py"
GENERATE = "gptcore/generation/generate.py"
SAMPLING = "gptcore/generation/sampling.py"

HEAD, HEADS = "TeachingHead.forward", "TeachingAttention.forward"


@dataclass(frozen=True)
class Line:
    """A line, or some, and what came of it in a run."""

    where: Where
    id: str = ""
    """The tensor that it makes, with `{i}` for the block; "" for none of the map."""
    axes: Axes = ()
    """The axes of what the line itself makes, which may be one head's; () where the end of the line tells no shape."""
    fact: str = ""
    """The name of what is told of it in a run; "" for nothing."""

    @property
    def source(self) -> Source:
        """The lines, found in the text of the file."""
        return find(self.where)


@dataclass(frozen=True)
class Listing:
    """Parts of files, in the order in which they are read."""

    topic: Topic
    parts: tuple[Source, ...]
    lines: tuple[Line, ...]

    def row(self, file: str, number: int) -> int | None:
        """Return the place of a file's line among all lines of the listing, from 1; None where it is not shown.

        >>> listing("model").row("gptcore/model.py", 7), listing("model").row("gptcore/map.py", 7)
        (7, None)
        """
        before = 0
        for part in self.parts:
            first, last = part.lines
            if part.file == file and first <= number <= last:
                return before + number - first + 1
            before += last - first + 1
        return None


@cache
def listing(topic: Topic) -> Listing:
    """Return the listing of a topic. The lines of `model.py` are the nodes' own (`Node.source`).

    Raises:
        LookupError: a file no longer holds what this table says.

    >>> [(part.file, len(listing("teaching").lines)) for part in listing("teaching").parts]
    [('gptcore/analysis/teaching_attention.py', 17)]
    """
    match topic:
        case "model":
            return Listing(topic, (whole(FILE),), ())
        case "teaching":
            return Listing(topic, (whole(TEACHING),), _teaching())
        case "loss":
            return _loss()
        case "generation":
            return _generation()


def _teaching() -> tuple[Line, ...]:
    """Return the lines of one head, and of all heads together."""

    def line(of: str, call: str, short: str, axes: str = "") -> Line:
        return Line(Where(of, "call", call, TEACHING), f"{BLOCK}.{short}", tuple(axes.split()))

    weighted = Where(HEAD, "use", "wei @ v", TEACHING)
    return (
        Line(Where(HEAD, "argument", "x", TEACHING), f"{BLOCK}.ln_1", ("B", "T", "C")),
        line(HEAD, "self.key", "attn.k", "B T D"),
        line(HEAD, "self.query", "attn.q", "B T D"),
        line(HEAD, "self.value", "attn.v", "B T D"),
        line(HEAD, "k.transpose", "attn.scores", "B T T"),
        line(HEAD, "k.transpose", "attn.k_t"),
        line(HEAD, "k.size", "attn.scaled", "B T T"),
        line(HEAD, "torch.tril", "attn.masked", "T T"),
        line(HEAD, "wei.masked_fill", "attn.masked", "B T T"),
        line(HEAD, "F.softmax", "attn.pattern", "B T T"),
        line(HEAD, "F.softmax", "attn.attn_dropout"),  # in eval mode the same, as are those below
        Line(weighted, f"{BLOCK}.attn.z", ("B", "T", "D")),
        Line(weighted, f"{BLOCK}.attn.sdpa"),
        line(HEADS, "torch.cat", "attn.concat", "B T C"),
        line(HEADS, "self.c_proj", "attn.c_proj", "B T C"),
        line(HEADS, "self.c_proj", "attn.resid_dropout"),
        line(HEADS, "self.c_proj", "attn"),
    )


def _loss() -> Listing:
    """Return how a training makes its targets and its loss."""
    shift = Where("_windows", "body", "", WINDOWS)
    step = Where("Trainer._backward", "body", "", LOOP)
    end = Where("GPT.forward", "use", "self.transformer.ln_f(x)")
    lines = (
        Line(Where("_windows", "assign", "stacked", WINDOWS), fact="window"),
        Line(Where("_windows", "use", "windows[:, 1:]", WINDOWS), "idx", fact="shift"),
        Line(Where("Trainer._backward", "call", "self._forward", LOOP), fact="forward"),
        Line(Where("Trainer._backward", "call", "loss.backward", LOOP), fact="backward"),
        Line(Where("GPT.forward", "call", "self.transformer.ln_f"), "transformer.ln_f", ("B", "T", "C")),
        Line(Where("GPT.forward", "branch", "self.lm_head"), fact="run"),
        Line(Where("GPT.forward", "assign", "logits"), "lm_head", fact="logits"),
        Line(Where("GPT.forward", "assign", "loss"), "loss", fact="loss"),
    )
    return Listing("loss", tuple(map(find, (shift, end, step))), lines)


def _generation() -> Listing:
    """Return how a text goes on: the crop to the context, and from logits to the token that is drawn."""
    functions = {"_steps": GENERATE, "next_token": GENERATE, "Sampling.stages": SAMPLING, "draw": SAMPLING}
    lines = (
        Line(Where("_steps", "call", "capture", GENERATE), "idx", fact="crop"),
        Line(Where("_steps", "assign", "text", GENERATE), fact="grown"),
        Line(Where("next_token", "assign", "logits", GENERATE), "lm_head", fact="logits"),
        Line(Where("next_token", "assign", "probs", GENERATE), fact="probs"),
        Line(Where("next_token", "assign", "drawn", GENERATE), fact="drawn"),
        Line(Where("Sampling.stages", "call", "self._tempered", SAMPLING), fact="temperature"),
        Line(Where("Sampling.stages", "call", "torch.topk", SAMPLING), fact="top_k"),
        Line(Where("Sampling.stages", "call", "_nucleus", SAMPLING), fact="top_p"),
        Line(Where("draw", "assign", "random", SAMPLING), fact="random"),
    )
    parts = [find(Where(function, "body", "", file)) for function, file in functions.items()]
    return Listing("generation", tuple(parts), lines)
