"""A look into tiktoken's cache on disk for GPT-2's two files. This file knows where they lie; it never downloads.

Source: `read_file_cached` in tiktoken's `load.py` (the folder, the name of a file) and `gpt2` in its `openai_public.py`
(the addresses and the hashes).
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

from gptcore.tokenizer.bounded import read_bytes

_ADDRESS = "https://openaipublic.blob.core.windows.net/gpt-2/encodings/main/"
_FILES = {
    "vocab.bpe": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    "encoder.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
}


def holds_gpt2() -> bool:
    """Return True if both files are there with the right hash; tiktoken downloads a file with another hash again."""
    try:
        folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
        if folder is None:
            folder = str(Path(tempfile.gettempdir()) / "data-gym-cache")
        return folder != "" and all(_holds(Path(folder), name, digest) for name, digest in _FILES.items())
    except (OSError, ValueError):  # a file or folder is missing or cannot be read
        return False


def _holds(folder: Path, name: str, digest: str) -> bool:
    raw = read_bytes(folder / hashlib.sha1((_ADDRESS + name).encode()).hexdigest())
    return hashlib.sha256(raw).hexdigest() == digest
