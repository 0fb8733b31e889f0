"""A stranger's frames: whatever a client sends a server over its connection or puts to its addresses, the others work.

Here are what a page without a server cannot be sent: bytes that are no message, messages that no page sends, states of
widgets that are not there, and files without their widget.
"""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("websockets", reason="needs websockets: pip install -e '.[dev]'")

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.exceptions import ConnectionClosed

from app.guard import uploads
from tests.app import forged
from tests.app.stranger import Stranger, finished, stranger
from tests.browser.driver import server

TEXTS = ("To be", "or not", "to be,", "that is", "the question")


def _message(**fields: Any) -> BackMsg:
    message = BackMsg()
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def _asking_for_files(names: int) -> BackMsg:
    message = BackMsg()
    message.file_urls_request.request_id = "a"
    message.file_urls_request.file_names.extend([""] * names)
    return message


def _operation() -> BackMsg:
    message = BackMsg()
    message.backend_operation_request.request_id = "a"
    message.backend_operation_request.session_id = "another"
    return message


def _rerun(**fields: Any) -> BackMsg:
    message = BackMsg()
    for name, value in fields.items():
        setattr(message.rerun_script, name, value)
    return message


MESSAGES: dict[str, BackMsg] = {
    "nothing": BackMsg(),
    "clear the caches of all": _message(clear_cache=True),
    "stop the script": _message(stop_script=True),
    "run on save": _message(set_run_on_save=True),
    "read git": _message(load_git_info=True),
    "a heartbeat": _message(app_heartbeat=True),
    "cut the line": _message(debug_disconnect_websocket=True),
    "end the server": _message(debug_shutdown_runtime=True),
    "addresses for 100,000 files": _asking_for_files(100_000),
    "an operation of another session": _operation(),
    "a fragment that is not there": _rerun(fragment_id="none"),
    "a page that is not there": _rerun(page_script_hash="none"),
    "a page by a path": _rerun(page_name="../../etc/passwd"),
    "a long address": _rerun(query_string="view=" + "a" * 100_000),
    "an address of halves": _rerun(query_string="x=%ff&x=%00&prompt=%ed%a0%80&=&&layer=-1"),
    "back in history": _rerun(is_history_navigation=True, query_string="model=../../etc/passwd"),
}
"""Messages that Streamlit knows, and no page of ours sends at such a moment."""
FRAMES: dict[str, bytes | str] = {
    "bytes": b"\xff\xff\xff",
    "a text": "hello",
    "three megabytes": b"x" * 3_000_000,
}
"""Frames after which the server ends the connection."""


async def _sound(page: Stranger, count: int) -> None:
    """Fail unless the page answers a key, and was sent no error."""
    await asyncio.wait_for(page.key(f"{TEXTS[count % len(TEXTS)]}{'e' * (count % 7)}"), 20)
    assert page.errors == []


async def _forge_messages(url: str) -> None:
    async with stranger(url) as other:
        await other.open()
        for count, (what, message) in enumerate(MESSAGES.items()):
            async with stranger(url) as me:
                await me.open()
                try:
                    await me.send(message)
                    await asyncio.sleep(0.05)
                    await _sound(other, count)
                    await me.open()  # as a page that draws itself anew
                    await _sound(me, count)
                except AssertionError as error:
                    error.add_note(what)
                    raise


def test_no_message_breaks_the_page_or_reaches_another(address: str) -> None:
    finished(_forge_messages(address))


def _states(page: Stranger) -> list[WidgetState]:
    """Return states of all kinds for `explore_panels`, and of widgets that are not there."""
    found = [state for _, state in forged.of_other_kinds(page.ids["explore_panels"])][::2]
    found += [state for _, state in forged.of_other_kinds("$$ID-0000-nobody")][::5]
    found += [WidgetState(id="", string_value="x"), WidgetState(id="x" * 10_000, int_value=1)]
    found += [state for _, state in forged.of_other_kinds(page.widgets["button choose"])][::5]
    too_long = '{"prompt": {"text": "' + "x" * 1_500_000 + '", "rev": 0, "seq": 9}}'
    return [*found, WidgetState(id=page.ids["explore_panels"], json_value=too_long)]


async def _forge_states(url: str) -> None:
    async with stranger(url) as other, stranger(url) as me:
        await other.open()
        await me.open()
        for count, state in enumerate(_states(me)):
            await me.forge(
                state, fragment=me.fragments["explore_panels"] if state.id == me.ids["explore_panels"] else ""
            )
            if count % 5 == 0:
                await _sound(me, count)
                await _sound(other, count + 1)
        message = _message(clear_cache=True)  # and then a run of the part of the page that changes with each key
        await me.send(message)
        await me.forge(
            WidgetState(id=me.ids["explore_panels"], json_value="{}"), fragment=me.fragments["explore_panels"]
        )
        await me.open()
        await _sound(me, 2)
        assert me.errors == other.errors == []


def test_no_state_in_a_fragment_breaks_the_page_or_reaches_another(address: str) -> None:
    finished(_forge_states(address))


async def _cut(url: str, data: bytes | str) -> None:
    async with stranger(url) as other, stranger(url) as me:
        await other.open()
        await me.open()
        await me.socket.send(data)
        with pytest.raises(ConnectionClosed):
            await asyncio.wait_for(_listen(me), 20)
        await _sound(other, len(data))


async def _listen(page: Stranger) -> None:
    while True:
        await page.socket.recv()


@pytest.mark.parametrize("what", FRAMES)
def test_a_frame_that_is_no_message_ends_its_own_connection(address: str, what: str) -> None:
    finished(_cut(address, FRAMES[what]))


# Files without their widget


def put(url: str, session: str, name: str, size: int, method: str = "PUT") -> int:
    """Send a file to a session's address as a browser does; return the status."""
    host = url.partition("//")[2]
    line = http.client.HTTPConnection(host, timeout=60)
    line.request("GET", "/_stcore/health")
    answer = line.getresponse()
    answer.read()
    token = (answer.getheader("set-cookie") or "=").split(";")[0].partition("=")[2]
    head = f'--b\r\nContent-Disposition: form-data; name="f"; filename="{name}.pt"\r\n\r\n'
    body = head.encode() + b"x" * size + b"\r\n--b--\r\n"
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "X-Xsrftoken": token,
        "Cookie": f"_streamlit_xsrf={token}",
    }
    line.request(method, f"/_stcore/upload_file/{session}/{name}", body, headers)
    answer = line.getresponse()
    answer.read()
    line.close()
    return answer.status


async def _with_files(url: str, act: Callable[[str, str], None]) -> None:
    async with stranger(url) as me, stranger(url) as other:
        await me.open()
        await other.open()
        await asyncio.to_thread(act, me.session, other.session)
        await _sound(other, 1)


def test_one_person_has_so_many_files_waiting_and_the_others_are_served(address: str) -> None:
    def act(mine: str, another: str) -> None:
        found = [put(address, mine, f"f{i}", 10) for i in range(uploads.FILES + 3)]
        assert found == [204] * uploads.FILES + [413] * 3
        assert put(address, mine, "f0", 20) == 204  # in the place of the one of that name
        assert put(address, another, "f0", 10) == 204
        assert put(address, mine, "f1", 0, "DELETE") == 204
        assert put(address, mine, "f99", 10) == 204
        assert put(address, "no-such-session", "f0", 10) == 400

    finished(_with_files(address, act))


@pytest.mark.slow
def test_a_server_can_take_no_uploads_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(uploads.SWITCH, "0")
    with server("nano-sort") as (url, _):

        async def act() -> None:
            async with stranger(url) as me:
                await me.open()
                assert await asyncio.to_thread(put, url, me.session, "f0", 10) == 403
                await me.forge(WidgetState(id=me.widgets["button choose"], trigger_value=True))
                assert not any("file_uploader" in name for name in me.widgets)
                assert me.errors == []

        finished(act())
