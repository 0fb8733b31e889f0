"""Python that makes a picture of the section Find a head again. No Streamlit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.panels.head_axes import HERE
from gptcore.analysis.head_scores import SCORES


@dataclass(frozen=True)
class Told:
    """The things on the screen that the code names."""

    source: str
    """The name or path that `load` takes; "" where no such name brings these weights."""
    ids: tuple[int, ...]
    """The tokens that the model sees."""
    position: int
    token: int
    """The token whose logit the effects are of."""
    text: str
    """Python that gives the held-out text as `held`; "" where the prompt is taken."""


def points(x: str, y: str, basis: str, told: Told) -> str:
    """Return code that leaves the two scores of all heads in `x` and `y`."""
    found = {"x": expression(x, basis), "y": expression(y, basis)}
    return _code(told, [f"{name} = {line}" for name, line in found.items()])


def table(names: Sequence[str], basis: str, told: Told) -> str:
    """Return code that leaves the columns of the table in `columns`, by name."""
    lines = [f"    {name!r}: {expression(name, basis)}," for name in names if name not in SCORES]
    attention = "analysis.prompt_scores(trace)" if basis == HERE else "analysis.head_scores(ckpt)"
    return _code(told, ["\n".join([f"columns = {attention} | {{", *lines, "}"])])


def card(layer: int, head: int, told: Told, with_losses: bool) -> str:
    """Return code that leaves a head's card in `card`."""
    losses = f", losses={_LOSSES}" if with_losses else ""
    return _code(told, [f"card = analysis.head_card(ckpt, {layer}, {head}, trace, position={told.position}{losses})"])


def ranking(told: Told) -> str:
    """Return code that leaves the heads in `heads`, the one that the prediction would miss most first."""
    called = "analysis.loss_without_heads(ckpt, trace, token, position=position)"
    ordered = "heads = [divmod(at, ckpt.config.n_head) for at in order.tolist()]"
    return _code(told, [f"lost = {called}", "order = lost.abs().flatten().argsort(descending=True)", ordered])


def scan(told: Told, together: bool) -> str:
    """Return code that leaves the findings in `findings`, ranked together or kind by kind."""
    found = f"analysis.scan(ckpt, trace, position={told.position})"
    return _code(told, [f"findings = {f'analysis.rank_findings({found})' if together else found}"])


_LOSSES = "analysis.head_losses(ckpt, held.ids, held.counted)"


def expression(name: str, basis: str) -> str:
    """Return Python that gives a score of all heads, (L, H).

    >>> expression("induction", "probe"), expression("copying", "probe")
    ("analysis.head_scores(ckpt)['induction']", 'analysis.copying(ckpt)')
    """
    if name in SCORES:
        return f"analysis.{'prompt_scores(trace)' if basis == HERE else 'head_scores(ckpt)'}[{name!r}]"
    effects = "analysis.head_effects(ckpt, trace, token, position=position)"
    return {
        "prefix": "analysis.prefix_matching(ckpt)",
        "copying": "analysis.copying(ckpt)",
        "copying_of_tokens": "analysis.copying(ckpt, through_vocabulary=True)",
        "top1": "analysis.ov_top1(ckpt)",
        "loss": f"{_LOSSES}.lost",
        "predicted": f"{effects}.predicted",
        "actual": f"{effects}.actual",
    }[name]


def _code(told: Told, lines: Sequence[str]) -> str:
    """Return the lines behind what they need."""
    body = "\n".join(lines)
    first = f"ckpt = load({told.source!r})" if told.source else "# ckpt: the model on the screen, as load gives it"
    found = [first]
    if "trace" in body or ("held." in body and not told.text):
        found.append(f"trace = capture(ckpt, {list(told.ids)})")
    if "held." in body and told.text:
        found.append(f"held = {told.text}")
    elif "held." in body:
        body = body.replace("held.ids, held.counted", "trace.ids")
    body = body.replace("token, position=position", f"token={told.token}, position={told.position}")
    said = "\n".join([*found, body])
    names = ["analysis", *(name for name in ("capture", "load") if f"{name}(" in said)]
    imported = [f"from gptcore import {', '.join(names)}"]
    if "held = " in said:
        imported.append(f"from gptcore.data.held_out import {told.text.partition('(')[0]}")
    return "\n".join([*imported, said]) + "\n"
