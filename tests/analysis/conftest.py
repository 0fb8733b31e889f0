"""Models that the tests of analysis share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import gptcore
from gptcore import Checkpoint
from tests.reference import random_gpt2


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Checkpoint]:
    """Transformers' GPT-2, and the same weights as we load them, both in float64."""
    theirs: Any = random_gpt2(n_layer=3)
    folder: Path = tmp_path_factory.mktemp("gpt2")
    theirs.save_pretrained(folder)
    ckpt = gptcore.load(folder)
    ckpt.model.double()
    return theirs, ckpt
