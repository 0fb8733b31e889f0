"""The files that the page makes when somebody asks for one: a line each in the table."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from app.components import FileKind
from app.session import events, lab_costs
from app.session.explorer import Explorer
from app.state import downloads, names, reports
from app.stores.speed import Cost
from gptcore import Architecture, export
from gptcore.export.pages import document
from gptcore.graph.draw import to_dot
from gptcore.graph.mermaid import to_mermaid
from gptcore.graph.standalone import standalone_svg

MOST = 300 * 10**6
"""Largest size in bytes of a file of numbers."""
NUMBER, LINE = 4, 24
"""Bytes of a number in a binary file, and of its line in a table, roughly."""
WRITTEN = 100
"""A line of a table takes as long as so many numbers of a pattern, roughly."""


class File(NamedTuple):
    """A kind of file."""

    of: str
    """The words of the menu; files of the same stand in one row."""
    make: Callable[[Explorer], bytes]
    """Makes it of what is on the screen. A ValueError tells the person why there is none."""
    about: Callable[[Explorer], str] = lambda _: ""
    """Returns what it shows, for the name under which it is saved."""


def _page(me: Explorer) -> bytes:
    trace = me.shown.trace
    me.limits.check(lab_costs.of_page(trace.config, trace.T), f"A page of {trace.T:,} tokens")
    made, _ = document(trace, tokenizer=me.checkpoint.tokenizer, title=model_name(me))
    return made


def _tensor(suffix: str) -> File:
    return File("the tensor", lambda me: _written(f"t{suffix}", partial(_write_tensor, me)), _selected)


def _write_tensor(me: Explorer, path: Path) -> None:
    if me.location.weight:
        raise ValueError("a weight is shown, and the run has made none: choose “output” to save what it made.")
    _check_size(me, [me.location.selected], LINE if path.suffix == ".csv" else NUMBER)
    export.tensor(me.shown.trace, me.location.selected, path)


def _run(me: Explorer) -> bytes:
    _check_size(me, me.shown.trace.keys(), NUMBER)
    tokenizer = me.checkpoint.tokenizer
    return _written("run.safetensors", lambda path: export.trace(me.shown.trace, path, tokenizer=tokenizer))


def _check_size(me: Explorer, names: Iterable[str], each: int) -> None:
    """Refuse what would be too large for a server that others use too."""
    shapes = me.shown.trace.shapes()
    numbers = float(sum(math.prod(shapes[name][1]) for name in names))
    size = numbers * each
    if size > MOST:
        raise ValueError(
            f"it would have {size / 1e6:,.0f} MB, and this page makes files of at most {MOST // 10**6} MB: take a "
            "shorter prompt, or write it in Python with gptcore.export."
        )
    me.limits.check(Cost(cells=numbers * (WRITTEN if each == LINE else 1), memory=3 * size), "It")


def _view(draw: Callable[[Architecture, str, int, int], str]) -> File:
    def make(me: Explorer) -> bytes:
        return draw(me.arch, me.location.view, me.location.layer, me.shown.trace.T).encode()

    return File("the view’s diagram", make, lambda me: me.location.view.replace(" ", "-"))


def _svg(arch: Architecture, view: str, layer: int, T: int) -> str:
    return standalone_svg(arch, view, layer, unfold=False, T=T)


def _dot(arch: Architecture, view: str, layer: int, T: int) -> str:
    return to_dot(arch, view, layer, T=T).source


def _mermaid(arch: Architecture, view: str, layer: int, T: int) -> str:
    return to_mermaid(arch, view, layer, T=T) + "\n"


def _selected(me: Explorer) -> str:
    return me.location.weight or me.location.selected


def _written(name: str, write: Callable[[Path], None]) -> bytes:
    """Return the bytes of a file that is written in a folder of its own, and of which nothing is left."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path)
        return path.read_bytes()


FILES: dict[str, File] = {
    "page.html": File("this page, offline", _page),
    "view.svg": _view(_svg),
    "view.dot": _view(_dot),
    "view.mmd": _view(_mermaid),
    "tensor.npy": _tensor(".npy"),
    "tensor.csv": _tensor(".csv"),
    "tensor.safetensors": _tensor(".safetensors"),
    "run.safetensors": File("the whole run", _run),
}
"""Each kind by the end of the name under which it is saved; its suffix is the word on its button."""


def kinds() -> list[FileKind]:
    """Return the kinds of files as the menu shows them."""
    return [{"of": file.of, "name": name, "word": name.rpartition(".")[2].upper()} for name, file in FILES.items()]


def offer(me: Explorer) -> downloads.Offer | None:
    """Return the answer to the newest request for a file, which is made here; None where nobody waits for one."""
    shelf = downloads.shelf()
    event = reports.new("save")
    if (taken := events.taken_file(event)) is not None:
        shelf.drop(taken)
    asked = events.asked_file(event)
    if asked and asked[0] in FILES:
        name, seq = asked
        try:
            made = FILES[name]
            shelf.put(seq, "-".join(filter(None, ["gptscope", made.about(me), name])), made.make(me))
        except (ValueError, KeyError, RuntimeError, MemoryError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else names.told(str(error))
            shelf.refuse(seq, f"There is no such file: {why}")
    return shelf.offer()


def model_name(me: Explorer) -> str:
    """Return the model's name, and of a training the step."""
    moment = f" · {me.moment.name}" if me.step is not None else ""
    return (me.source.replace("\\", "/").rstrip("/").rpartition("/")[2] or "a model") + moment
