"""Values that the panels read from a screen, each computed once: it is kept until what it is made of changes.

No Streamlit. It changes no screen, and what it returns depends on the model and the screen alone.
"""

from __future__ import annotations

from app.components import LensRow
from app.panels import node_pictures, prompt_losses, strips, tensor_slice
from app.panels.weight_number import WeightNumber, weight_number
from app.session.first_prompt import first_trace
from app.session.prompt_run import Parity, Shown
from app.session.screen import Model, Screen
from gptcore import Explanation, LogitAttribution, Trace, explain, logit_attribution


class Readings:
    """The last values that the panels of one explorer have read."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._slice: tuple[object, tensor_slice.Slice] | None = None
        self._explained: tuple[object, Explanation] | None = None
        self._strips: strips.Strips | None = None
        self._scales: strips.Scales | None = None
        self._picture_scales: node_pictures.Scales | None = None
        self._lens: tuple[tuple[Shown, int, int], list[LensRow]] | None = None
        self._attribution: tuple[tuple[Trace, int, int | None, int], LogitAttribution] | None = None
        self._parity: tuple[Trace, Parity] | None = None
        self._losses: prompt_losses.Losses | None = None
        self._losses_without: prompt_losses.Losses | None = None

    def slice(self, screen: Screen) -> tensor_slice.Slice:
        """Return the matrix of the selected node's output, or of its weight; computed once for each view of it."""
        place, by, shown = screen.location, screen.look.scale, screen.shown
        node, weights = self._model.arch.nodes[place.selected], shown.checkpoint
        made_of = weights.model if place.weight else shown.trace
        here = screen.position if node.axes[-1] == "V" else -1
        key = (place.weight, place.selected, place.head, made_of, by, here)
        if self._slice is None or self._slice[0] != key:
            if place.weight is not None:
                axes = node.weight_axes[node.weights.index(place.weight)]
                made = tensor_slice.of_weight(place.weight, axes, weights.model.get_parameter(place.weight))
            else:
                before = self._slice[1].source if self._slice else None
                made = tensor_slice.of_trace(shown.trace, place.selected, place.head, by, here, weights, before)
            self._slice = (key, made)
        return self._slice[1]

    def explanation(self, screen: Screen) -> Explanation | None:
        """Return where the pinned number comes from; None without one, or where the stage shows none of the run's."""
        pin, part, place = screen.pin, self.slice(screen), screen.location
        index = part.index(*pin) if pin and place.weight is None else None
        if index is None:
            return None
        key = screen.shown.trace, place.selected, index
        if self._explained is None or self._explained[0] != key:
            self._explained = key, explain(screen.shown.trace, place.selected, index)
        return self._explained[1]

    def weight_number(self, screen: Screen) -> WeightNumber | None:
        """Return what the pinned number of a weight is; None without one, or where the stage shows a tensor."""
        place = screen.location
        index = self.slice(screen).index(*screen.pin) if screen.pin and place.weight else None
        if index is None or place.weight is None:
            return None
        run = screen.shown
        return weight_number(self._model.arch, run.trace, run.checkpoint.model, place.weight, index, screen.position)

    def scales(self, screen: Screen) -> strips.Scales:
        """Return the scales of the map's strips: fixed by the final weights, so that one colour means one number."""
        if self._scales is None:
            self._scales = strips.scales_of(first_trace(self._model.final, screen.shown))
        return self._scales

    def strips(self, screen: Screen) -> strips.Strips:
        """Return the strips of the map; what the last ones have in common with them is taken over."""
        wanted = strips.lines(self._model.arch, screen.location.layer)
        names = tuple(line.tensor for line in wanted if line.pooled)
        self._strips = strips.update(self._strips, screen.shown.trace, screen.shown.checkpoint, names)
        return self._strips

    def pictures(self, screen: Screen) -> node_pictures.Pictures:
        """Return the pictures of the diagram's nodes; what the last strips have in common with them is taken over."""
        arch, place, run = self._model.arch, screen.location, screen.shown
        names = node_pictures.pooled(arch, place.view, place.layer)
        self._strips = strips.update(self._strips, run.trace, run.checkpoint, names, place.head)
        likely = run.likely(screen.position, strips.LIKELY)
        if self._picture_scales is None:
            first = first_trace(self._model.final, run)
            self._picture_scales = node_pictures.scales_of(first, arch, self.scales(screen))
        view = arch, place.view, place.layer
        return node_pictures.pictures(*view, self._strips, screen.position, likely, self._picture_scales)

    def lens(self, screen: Screen) -> list[LensRow]:
        """Return what the model would say after each block at the followed position."""
        key = screen.shown, screen.position, screen.location.layer
        if self._lens is None or self._lens[0] != key:
            self._lens = key, screen.shown.lens(screen.position, screen.location.layer)
        return self._lens[1]

    def has_lens(self, screen: Screen) -> bool:
        """Tell whether the lens of this prompt and position was read."""
        return self._lens is not None and self._lens[0] == (screen.shown, screen.position, screen.location.layer)

    def attribution(self, screen: Screen, token: int, versus: int | None) -> LogitAttribution:
        """Return what each part adds to a logit at the followed position, or to its lead over another one."""
        key = _asked(screen, token, versus)
        if self._attribution is None or self._attribution[0] != key:
            self._attribution = key, logit_attribution(*key)
        return self._attribution[1]

    def has_attribution(self, screen: Screen, token: int, versus: int | None) -> bool:
        """Tell whether just this attribution was read."""
        return self._attribution is not None and self._attribution[0] == _asked(screen, token, versus)

    def mean_loss(self, screen: Screen, most: float) -> float | None:
        """Return the mean loss of the prompt, NaN of one token; None where it takes more multiplications than `most`.

        What the losses that were read last have in common with it is taken over.
        """
        run = screen.shown
        if prompt_losses.unknown(run.trace, run.checkpoint, self._losses) * prompt_losses.cost(run.trace) > most:
            return None
        self._losses = prompt_losses.losses_of(run.trace, run.checkpoint, self._losses)
        return self._losses.mean

    def mean_loss_without(self, screen: Screen, most: float) -> float | None:
        """Return the mean loss of the prompt without the changes; None where it takes more than `most`."""
        run = screen.shown
        known = self._losses_without
        if prompt_losses.unknown(run.unchanged, run.checkpoint, known) * prompt_losses.cost(run.trace) > most:
            return None
        self._losses_without = prompt_losses.losses_of(run.unchanged, run.checkpoint, known)
        return self._losses_without.mean

    def loss_changes(self, screen: Screen, most: float) -> list[float] | None:
        """Return what the changes add to the loss at each position that has a target; None as for `mean_loss`."""
        if self.mean_loss_without(screen, most) is None or self.mean_loss(screen, most) is None:
            return None
        assert self._losses is not None and self._losses_without is not None, "both were read above"
        pairs = zip(self._losses.values, self._losses_without.values, strict=True)
        return [after - before for after, before in pairs]

    def parity(self, screen: Screen) -> Parity | None:
        """Return the parity of the prompt on the screen, without changes; None until it is measured."""
        return self._parity[1] if self._parity and self._parity[0] is screen.shown.unchanged else None

    def measure_parity(self, screen: Screen) -> None:
        """Run the prompt once more through the teaching attention."""
        self._parity = screen.shown.unchanged, screen.shown.parity()


def _asked(screen: Screen, token: int, versus: int | None) -> tuple[Trace, int, int | None, int]:
    """Return what `logit_attribution` is asked: of the run on the screen, which may be a changed one."""
    return screen.shown.trace, token, versus, screen.position
