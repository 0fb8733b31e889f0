"""The memory that this process keeps when it was freed, on Linux with glibc; elsewhere as it is. No Streamlit.

By default glibc learns from large tensors that are freed to keep the next ones in its heaps, one of each thread, and
gives those back only from their ends: after one person's large run, a server held a gigabyte that nobody used.
"""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 2 * 2**20
"""Bytes from which memory comes from the kernel and goes back there when it is freed: those of a tensor of GPT-2's
size at a long prompt. What a key of a small model needs is smaller: to ask the kernel for it would take longer."""
FREED = 16 * 2**20
"""Bytes at the end of a heap that are kept for what comes next."""


def give_back() -> bool:
    """Have large memory go back to the machine as soon as it is freed; tell if this process's allocator can."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        return bool(libc.mallopt(M_MMAP_THRESHOLD, LARGE) and libc.mallopt(M_TRIM_THRESHOLD, FREED))
    except (OSError, AttributeError):
        return False
