"""Things that the tests of capture share."""

from __future__ import annotations

from collections.abc import Iterator

import jaxtyping
import pytest


@pytest.fixture(scope="module")
def shapes_by_hand() -> Iterator[None]:
    """Check no signature of the model's functions at each call: it took a third of the time of a long file.

    The tests compare every tensor of a run with one made by hand, its shape included. Other tests call the same
    functions with their signatures checked.
    """
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)
