"""A sentence in the place of a page or a part of it whose files cannot be opened."""

from __future__ import annotations

import errno
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

MANY = (errno.EMFILE, errno.ENFILE)
Given = ParamSpec("Given")


def told(draw: Callable[Given, None]) -> Callable[Given, None]:
    """Return the same function, which tells of a file that cannot be opened instead of raising an OSError."""

    @wraps(draw)
    def drawing(*args: Given.args, **options: Given.kwargs) -> None:
        try:
            draw(*args, **options)
        except OSError as error:
            st.error(sentence(error), icon=":material/error:")

    return drawing


def sentence(error: OSError) -> str:
    """Return what became of a file, and what to do; without its path, which is the server's own.

    >>> sentence(OSError(errno.ENOENT, "No such file or directory", "/home/ada/secret.txt"))
    'A file of this server could not be used: No such file or directory. Reload the page, or tell who runs the server.'
    """
    if error.errno in MANY:
        return (
            "This server has as many files and connections open as it may. Reload the page in a minute; who runs the "
            "server can allow more of them (ulimit -n)."
        )
    if error.errno == errno.ENOSPC:
        return "The disk of this server is full. Tell who runs it, then reload the page."
    why = error.strerror or type(error).__name__
    return f"A file of this server could not be used: {why}. Reload the page, or tell who runs the server."
