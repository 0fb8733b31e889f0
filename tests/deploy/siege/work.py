"""Work: what makes a process compute, as fast and as much as one may ask."""

from __future__ import annotations

import asyncio
import json

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed

from tests.deploy.siege.place import Place


async def long_text(place: Place) -> str:
    """Type 0.9 MB."""
    async with place.attacker() as me:
        return (await me.type("to be or not to be " * 47_000))[:60]


async def longer_text(place: Place) -> str:
    """Type 10 MB."""
    async with place.attacker() as me:
        try:
            await me.type("to be or not to be " * 525_000)
        except ConnectionClosed as error:
            return f"cut: {error.rcvd.code if error.rcvd else 'no code'}"
    raise AssertionError("a message of 10 MB was read")


async def emptied_caches(place: Place) -> str:
    """Empty the caches of all, eight times."""
    async with place.attacker() as me:
        for _ in range(8):
            await me.empty_caches()
    return "the page lives"


async def keys_in_a_hurry(place: Place) -> str:
    """Send 400 keys without waiting for an answer, from five pages."""

    async def one() -> None:
        async with place.stranger() as me:
            rev = me.data["explore_panels"]["panels"]["prompt"]["rev"]
            for seq in range(1, 81):
                prompt = {"text": "once upon a time " * 6 + "a" * (seq % 40), "seq": seq, "rev": rev}
                message = BackMsg()
                state = WidgetState(id=me.ids["explore_panels"], json_value=json.dumps({"prompt": prompt}))
                message.rerun_script.widget_states.widgets.append(state)
                message.rerun_script.fragment_id = me.fragments["explore_panels"]
                await me.send(message)
            await asyncio.sleep(3)

    await asyncio.gather(*(one() for _ in range(5)))
    return "400 sent"


async def whole_pages_in_a_hurry(place: Place) -> str:
    """Have the page drawn 200 times without reading, and hang up."""
    async with place.stranger() as me:
        message = BackMsg()
        message.rerun_script.query_string = "prompt=once+upon+a+time"
        for _ in range(200):
            await me.send(message)
        await asyncio.sleep(2)
    return "200 asked for"


async def every_model(place: Place) -> str:
    """Open each shipped model by its address, and one that is a path."""
    async with place.stranger() as me:
        for model in ("nano-sort", "shakespeare-char", "two-names", "induction", "/etc", "../../etc/passwd", "gpt2"):
            await me.open(f"model={model}&prompt=a")
        assert me.errors == []
    return "the page lives"
