"""A checkpoint as a notebook shows it: where it is from, its sizes, its tokenizer, and what was told of it."""

from __future__ import annotations

from gptcore.checkpoint.base import Checkpoint
from gptcore.graph.architecture import architecture
from gptcore.notebook.html_text import card, element, folded, table

FACTS = ("format", "source", "iter_num", "best_val_loss")
"""Keys of `info` that are shown, where they are known."""
LONGEST = 300
"""Letters of a value: a file of a stranger may hold a very long one."""
NOTICES = 30


def checkpoint_html(ckpt: Checkpoint) -> str:
    """Return the checkpoint as static HTML. No weight is read."""
    params = architecture(ckpt.config).num_params()
    facts = [(name, _short(ckpt.info[name])) for name in FACTS if name in ckpt.info]
    facts.append(("tokenizer", f"{type(ckpt.tokenizer).__name__}, {ckpt.tokenizer.vocab_size:,} ids"))
    facts.append(("parameters", f"{params:,}"))
    config = [(name, repr(value)) for name, value in ckpt.config.to_dict().items()]
    notices = [_short(notice) for notice in ckpt.info.get("notices", ())]
    listed = element("ul", *(element("li", notice) for notice in notices[:NOTICES]))
    told = [folded(f"{len(notices)} notices", listed)] if notices else []
    return card("Checkpoint", table(["", ""], facts), folded("config", table(["field", "value"], config)), *told)


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
