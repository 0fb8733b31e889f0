"""The view in words: which file tells which view."""

from __future__ import annotations

from app.lessons import attention_view, block_view, dot_product_view, mlp_view, model_view
from app.lessons.run import Run
from app.lessons.sentences import Lesson
from gptcore.graph.node import ATTENTION, INSIDE, MLP, MODEL, SDPA

_FILES = {MODEL: model_view, INSIDE: block_view, ATTENTION: attention_view, SDPA: dot_product_view, MLP: mlp_view}


def lesson(run: Run, view: str) -> Lesson:
    """Return a view in words, with the numbers of this run.

    Raises:
        KeyError: there is no such view.

    >>> from gptcore import GPT, GPTConfig, architecture, capture
    >>> model = GPT(GPTConfig(block_size=8, vocab_size=5, n_layer=2, n_head=2, n_embd=4)).eval()
    >>> run = Run(capture(model, [3, 1, 4]), architecture(model.config), str, position=2, layer=1)
    >>> [sentence.node for sentence in lesson(run, "MLP").sentences][:2]
    ['transformer.h.1.ln_2', 'transformer.h.1.mlp.c_fc']
    """
    file = _FILES[view]
    return Lesson(view, file.sentences(run), file.questions(run))
