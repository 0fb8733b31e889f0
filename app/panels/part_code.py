"""Python that makes a picture of "What each part says" again, in at most five lines. No Streamlit.

Each leaves the numbers of the picture in a variable, which its docstring names.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Opened:
    """The things on the screen that the code begins with."""

    source: str
    """The name or path that `load` takes; "" where none brings these weights."""
    step: int | None
    """The step of the snapshot; None is the final model."""
    ids: Sequence[int]
    """The tokens that the model sees."""


def attribution(told: Opened, by: str, token: int, versus: int | None, position: int) -> str:
    """Return code that leaves the summands in `parts`: a dict by block, a list by head, (L, 4C) by neuron."""
    asked = f"{token}, versus={versus}, position={position}"
    if by == "neuron":
        layers = "range(ckpt.config.n_layer)"
        return _code(told, f"parts = [analysis.neuron_attribution(trace, layer, {asked}) for layer in {layers}]")
    return _code(
        told, f"parts = analysis.logit_attribution(trace, {asked}){'.by_block()' if by == 'block' else '.parts'}"
    )


def lens(told: Opened, carried: bool) -> str:
    """Return code that leaves the table in `table`."""
    lens = ", analysis.jacobian_lens(ckpt)" if carried else ""
    return _code(told, f"table = analysis.lens_table(trace{lens})")


def active(told: Opened, position: int, count: int) -> str:
    """Return code that leaves the most active neurons in `neurons`."""
    return _code(told, f"neurons = analysis.most_active(trace, position={position}, count={count})")


def search(told: Opened, token: int, count: int, suppress: bool) -> str:
    """Return code that leaves the neurons that promote or suppress a token in `neurons`."""
    return _code(
        told, f"neurons = analysis.search_neurons(ckpt, {token}, count={count}, suppress={suppress})", run=False
    )


def fires(told: Opened, name: str, index: int) -> str:
    """Return code that leaves a neuron's activation at each position, (T,), in `activations`."""
    return _code(told, f"activations = trace[{name!r}][0, :, {index}]")


def residual(told: Opened) -> str:
    """Return code that leaves the norms and cosines in `residual`."""
    return _code(told, "residual = analysis.residual_norms(trace)")


def rollout(told: Opened, layers: int) -> str:
    """Return code that leaves the rolled-out attention, (T, T), in `matrix`."""
    return _code(told, f"matrix = analysis.rollout(trace, layers={layers})[0]")


def value_weighted(told: Opened, layer: int, head: int | None) -> str:
    """Return code that leaves the value-weighted attention of a head or a layer, (T, T), in `matrix`."""
    if head is None:
        return _code(told, f"matrix = analysis.value_weighted_layer(trace, {layer})[0]")
    return _code(told, f"matrix = analysis.value_weighted(trace, {layer})[0, {head}]")


def _code(told: Opened, line: str, run: bool = True) -> str:
    """Return the line behind what it needs."""
    lines = [f"from gptcore import analysis, {'capture, ' if run else ''}load"]
    if not told.source:
        lines = [
            f"from gptcore import analysis{', capture' if run else ''}",
            "# ckpt: the model on the screen, by load",
        ]
    elif told.step is None:
        lines.append(f"ckpt = load({told.source!r})")
    else:
        lines.insert(1, "from gptcore.checkpoint.snapshots import load_snapshot, snapshots")
        found = f"next(each for each in snapshots({told.source!r}) if each.step == {told.step})"
        lines.append(f"ckpt = load_snapshot(load({told.source!r}), {found})")
    if run:
        lines.append(f"trace = capture(ckpt, {list(told.ids)})")
    return "\n".join([*lines, line]) + "\n"
