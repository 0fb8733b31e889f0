"""The event loops that Streamlit makes, one a session, with as few descriptors as they need."""

from __future__ import annotations

import asyncio
import selectors
import sys


def with_few_descriptors() -> None:
    """Have new loops wait with `poll`, which needs no descriptor of its own: a session then holds 3 instead of 4.

    The loop of a session never waits for anything; it is there for libraries that ask for one. The server's own loop
    is there already, and stays as it is.
    """
    if sys.version_info < (3, 14) and hasattr(selectors, "PollSelector"):  # from there on loops have no policies
        asyncio.set_event_loop_policy(_Polling())


if sys.version_info < (3, 14):

    class _Polling(asyncio.DefaultEventLoopPolicy):
        def new_event_loop(self) -> asyncio.AbstractEventLoop:
            return asyncio.SelectorEventLoop(selectors.PollSelector())
