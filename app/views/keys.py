"""The names under which the page keeps the long texts that it was sent, so that none travels twice."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from functools import lru_cache


@lru_cache(maxsize=512)
def key(*parts: Hashable) -> str:
    """Return a short name for a text, or for all that it is made of: the page sends the names of all that it keeps.

    >>> key("a b") == key("a b"), key("a b") == key("a", "b")
    (True, False)
    """
    return hashlib.blake2b(repr(parts).encode(), digest_size=6).hexdigest()
