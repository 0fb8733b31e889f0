"""A number for the weights of a model: what was measured of them is kept under it. No Streamlit."""

from __future__ import annotations

import threading
from itertools import count
from weakref import WeakKeyDictionary

from gptcore import GPT
from gptcore.capture.weight_fingerprint import WeightsSeen

_NUMBERS: WeakKeyDictionary[WeightsSeen, int] = WeakKeyDictionary()
_NEXT = count()
_LOCK = threading.Lock()


def weights_key(model: GPT) -> int:
    """Return the number of a model's weights as they are now: another one once they have changed.

    >>> import torch
    >>> from gptcore import GPTConfig
    >>> model = GPT(GPTConfig(block_size=4, vocab_size=3, n_layer=1, n_head=1, n_embd=2))
    >>> first = weights_key(model)
    >>> weights_key(model) == first
    True
    >>> with torch.no_grad():
    ...     _ = model.transformer.wte.weight.add_(1)
    >>> weights_key(model) == first
    False
    """
    with _LOCK:
        seen = WeightsSeen.now(model)
        number = _NUMBERS.get(seen)
        if number is None:
            number = _NUMBERS[seen] = next(_NEXT)
        return number
