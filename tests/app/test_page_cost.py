"""The time that a run's HTML page is said to take, against the time that it takes: ratios within one run alone."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

pytest.importorskip("streamlit", reason="needs the extra `app`")

from app.session import lab_costs
from app.stores.speed import Speed
from gptcore import Checkpoint, capture, load, shipped_models
from gptcore.export.pages import document

LENGTHS = (3, 64, 256)
SPEED = Speed(flops=100e9, cells=500e6)
"""A core's, in proportion: matrix products are a small part of these pages."""
TRIES = 3


@pytest.fixture(autouse=True)
def one_core() -> Iterator[None]:
    """Have time counted that others on the machine do not change much: the processor's, of one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def taken(ckpt: Checkpoint, T: int) -> float:
    """The seconds of the processor that a page takes."""
    drawn = torch.randint(ckpt.config.vocab_size, (T,), generator=torch.Generator().manual_seed(0))
    run, found = capture(ckpt.model, drawn.tolist()), []
    for _ in range(TRIES):
        started = time.process_time()
        document(run, tokenizer=ckpt.tokenizer)
        found.append(time.process_time() - started)
    return min(found)


def test_a_page_takes_what_it_is_said_to_take_whatever_its_model_and_length() -> None:
    found = {}
    for name in shipped_models():
        ckpt = load(name)
        for T in sorted({min(T, ckpt.config.block_size) for T in LENGTHS}):
            found[name, T] = SPEED.seconds(lab_costs.of_page(ckpt.config, T)) / taken(ckpt, T)
    assert max(found.values()) < 3 * min(found.values()), found
