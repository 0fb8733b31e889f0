"""The files that the page makes when somebody asks for one: a line each in the table."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from app.components import FileKind
from app.session import events
from app.session.explorer import Explorer
from app.state import downloads, reports
from gptcore.export.pages import document


class File(NamedTuple):
    """A kind of file."""

    of: str
    """The words of the menu; files of the same stand in one row."""
    make: Callable[[Explorer], bytes]
    """Makes it of what is on the screen. A ValueError tells the person why there is none."""


def _page(me: Explorer) -> bytes:
    made, _ = document(me.shown.trace, tokenizer=me.checkpoint.tokenizer, title=model_name(me))
    return made


FILES: dict[str, File] = {
    "page.html": File("this page, offline", _page),
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
            shelf.put(seq, f"gptscope-{name}", FILES[name].make(me))
        except (ValueError, KeyError, RuntimeError, MemoryError, OSError) as error:
            shelf.refuse(seq, f"There is no such file: {error}")
    return shelf.offer()


def model_name(me: Explorer) -> str:
    """Return the model's name, and of a training the step."""
    moment = f" · {me.moment.name}" if me.step is not None else ""
    return (me.source.replace("\\", "/").rstrip("/").rpartition("/")[2] or "a model") + moment
