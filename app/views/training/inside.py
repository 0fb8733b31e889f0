"""The way from a training to its weights on the Explore page."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from app.state import names, opening
from app.stores.models import Wanted
from app.views.explore import explore
from gptcore import CheckpointError
from gptcore.checkpoint.formats.native import CONFIG
from gptcore.checkpoint.training_files import BEST, LAST


def weights(folder: Path) -> dict[str, Path]:
    """Return the weights of a training's folder or a checkpoint folder that can be opened, by their names."""
    found = {"best": folder / BEST, "last": folder / LAST}
    there = {name: path for name, path in found.items() if path.is_file()}
    return there or ({"kept": folder} if (folder / CONFIG).is_file() else {})


def look_inside(path: Path, name: str, *, key: str, step: int | None = None) -> None:
    """Draw a button that opens the file's present weights on the Explore page; show why if it cannot."""
    of = "" if step is None else f" (step {step:,})"
    if not st.button(f"Look inside the {name} weights{of}", key=key, icon=":material/visibility:"):
        return
    bar = st.progress(0.0, "Opening …")

    def tell(share: float, what: str) -> None:
        bar.progress(share, f"{what} …")

    try:
        opening.open_model(Wanted(str(path)), tell)
    except (CheckpointError, ValueError) as error:
        bar.empty()
        st.error("These weights could not be opened; the present model stays.", icon=":material/error:")
        st.text(names.told(str(error)))
        return
    st.switch_page(st.Page(explore, default=True))
