"""The way back: of a page that outlived its session, and of links, whoever has written them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.session.explorer import Explorer
from app.session.first_prompt import PROMPT
from app.session.location import Location
from app.session.state_text import State, encode
from app.state import server
from app.stores.models import Wanted, digest
from gptcore import Checkpoint, GPTConfig, load, save
from gptcore.checkpoint import hub
from gptcore.graph.node import SDPA
from tests.browser.driver import ROOT
from tests.conftest import random_model

FIRST = "shakespeare-char"
ELSEWHERE = State(FIRST, "To be", Location(SDPA, 2, 1, "transformer.h.2.attn.scores"), temperature=0.5)


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """Return the app before its first run."""
    monkeypatch.setattr("sys.argv", ["app/main.py", FIRST])
    return AppTest.from_file(ROOT / "app/main.py", default_timeout=60)


def linked(app: AppTest, state: State | dict[str, str]) -> Explorer:
    """Open the app by a link."""
    for name, value in (state if isinstance(state, dict) else dict(parse_qsl(encode(state)))).items():
        app.query_params[name] = value
    app.run()
    return explorer(app)


def explorer(app: AppTest) -> Explorer:
    assert not app.exception
    found: Explorer = app.session_state["explorer"]
    return found


def note(app: AppTest) -> str:
    found = app.session_state.get("note")
    return str(found["text"]) if found else ""


def test_a_link_opens_model_prompt_and_place(app: AppTest) -> None:
    me = linked(app, ELSEWHERE)
    assert me.state == ELSEWHERE
    assert note(app) == ""


def test_a_link_to_a_model_alone_shows_its_own_prompt(app: AppTest) -> None:
    assert linked(app, {"model": "induction"}).state.model == "induction"
    assert explorer(app).shown.text == load("induction").info["prompt"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"layer": "99"}, "There is no block 99; choose one from 0 to 3."),
        ({"node": "transformer.h.7.attn.pattern"}, "no node 'transformer.h.7.attn.pattern'"),
        ({"model": "no/such/model"}, "no/such/model could not be opened."),
        ({"model": "openai-community/gpt2"}, "This link wants openai-community/gpt2 from the hub: open it"),
        ({"temperature": "hot"}, "the field 'temperature' of a state holds 'hot'"),
        ({"model": FIRST, "options": "{"}, "the options of a model are those of a link"),
        ({"model": FIRST, "options": '{"config": {"n_head": "x"}}'}, "the options of a model are those of a link"),
        ({"upload": "0" * 64, "model": "mine.pt"}, "mine.pt was uploaded, and this server no longer has it"),
    ],
)
def test_a_bad_link_leads_to_the_first_model_with_a_sentence(
    app: AppTest, fields: dict[str, str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "fetch", lambda *_: pytest.fail("a link must not have anything fetched"))
    me = linked(app, fields)
    assert sentence.lower() in note(app).lower()
    assert "Your text is kept" not in note(app)  # there was none
    assert (me.source, me.shown.text, me.location.layer) == (FIRST, PROMPT, 0)


def test_a_link_is_followed_once(app: AppTest) -> None:
    linked(app, ELSEWHERE)
    app.session_state["explore_panels"] = {"prompt": {"text": "To be, or", "rev": explorer(app).rev, "seq": 7}}
    app.run()
    app.run()
    assert explorer(app).shown.text == "To be, or"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = random_model(vocab_size=65)
    save(Checkpoint(model, load(FIRST).tokenizer, model.config, {}), tmp_path / "mine")
    return tmp_path / "mine"


def test_a_shared_server_opens_no_path_by_a_link(app: AppTest, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    assert linked(app, {"model": str(folder), "prompt": "To"}).source == FIRST
    assert note(app).startswith("This server is shared")


def test_the_model_of_the_command_line_is_open_to_all(
    app: AppTest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GPTSCOPE_SHARED", "1")
    monkeypatch.setattr("sys.argv", ["app/main.py", str(folder)])
    assert linked(app, {"model": str(folder), "prompt": "To"}).state.prompt == "To"
    assert note(app) == ""


def test_a_path_is_opened_by_its_owner_but_has_no_link_for_others(app: AppTest, folder: Path) -> None:
    assert linked(app, {"model": str(folder), "prompt": "To"}).source == str(folder)
    (link,) = [each.proto for each in app.get("bidi_component") if each.proto.component_name == "gptscope_copy_link"]
    assert "cannot be shared" in link.json


class Upload(io.BytesIO):
    """A file from a browser."""

    name = "mine.pt"


def test_an_upload_is_opened_again_as_long_as_the_server_has_it(app: AppTest) -> None:
    model = random_model(vocab_size=65)
    content = io.BytesIO()
    torch.save({"model": model.state_dict(), "model_args": model.config.to_dict()}, content)
    files = [Upload(content.getvalue())]
    wanted = Wanted("mine.pt", digest=digest(files))
    server.models().get(wanted, lambda share, what: None, files)
    state = State("mine.pt", "", Location(layer=1, selected="transformer.h.1.ln_1"), upload=wanted.digest)
    me = linked(app, state)
    assert (me.source, me.location.layer) == ("mine.pt", 1)
    assert note(app) == ""


@pytest.mark.parametrize(
    "wanted",
    [
        Wanted("x"),
        Wanted("x", words=False),
        Wanted("x", config=GPTConfig.preset("nano-sort")),
        Wanted("x", choices=(("activation", "gelu_tanh"),), digest="00"),
    ],
)
def test_the_options_of_loading_are_read_as_they_were_written(wanted: Wanted) -> None:
    assert Wanted.read(wanted.source, wanted.digest, wanted.options()) == wanted


@pytest.mark.parametrize("told", ["{", "[]", '{"words":', '{"shell":1}', '{"choices":{"a":[]}}', '{"config":3}'])
def test_options_of_a_stranger_are_refused(told: str) -> None:
    with pytest.raises(ValueError, match="the options of a model are those of a link, got"):
        Wanted.read("x", "", told)


def reported(app: AppTest, **events: Any) -> Explorer:
    app.session_state["explore_panels"] = events
    app.run()
    return explorer(app)


def test_what_was_reported_about_another_screen_is_no_action(app: AppTest) -> None:
    app.run()
    click = {"layer": 3, "head": 2, "seq": 5}
    assert reported(app, heads={**click, "origin": "another.1"}).location.layer == 0
    mine = app.session_state["session"]
    assert reported(app, heads={**click, "seq": 6, "origin": f"{mine}.0"}).location.layer == 0  # of the model before
    assert reported(app, heads={**click, "seq": 7, "origin": f"{mine}.1"}).location.layer == 3


def asked(app: AppTest, about: str, typed: str | None, state: State = ELSEWHERE, seq: int = 9) -> Explorer:
    """Ask as a page does that was away."""
    app.session_state["reconnect"] = {"event": {"about": about, "state": encode(state), "text": typed, "seq": seq}}
    app.run()
    return explorer(app)


def test_a_page_of_another_session_is_brought_back(app: AppTest) -> None:
    app.run()
    me = asked(app, "another.1", "To be, o")
    assert me.state == State(FIRST, "To be, o", ELSEWHERE.location, temperature=0.5)
    me = asked(app, "another.1", "To be, o", State("induction", "abc"), seq=10)
    assert (me.source, me.typed) == ("induction", "To be, o")  # the box's text, though this model cannot read it
    assert me.shown.text == "abc"


def test_a_page_that_asks_again_does_not_lose_what_was_typed_since(app: AppTest) -> None:
    app.run()
    me = asked(app, "another.1", "To be, o")
    app.session_state["explore_panels"] = {"prompt": {"text": "To be, or", "rev": me.rev, "seq": 11}}
    me = asked(app, "another.1", "To be, o", seq=10)  # sent before the first answer came
    assert (me.typed, me.shown.text) == ("To be, or", "To be, or")


def test_a_page_of_this_session_stays_where_it_is(app: AppTest) -> None:
    app.run()
    assert asked(app, f"{app.session_state['session']}.1", "To be").state.prompt == PROMPT


def test_a_page_whose_upload_is_gone_keeps_its_text(app: AppTest) -> None:
    app.run()
    me = asked(app, "another.1", "To be", State("mine.pt", "To be", upload="0" * 64))
    assert me.shown.text == "To be"
    assert note(app) == (
        "mine.pt was uploaded, and this server no longer has it: drop its files on the page again. Your text is kept."
    )


def test_a_page_that_was_opened_anew_keeps_its_text_though_its_upload_is_gone(app: AppTest) -> None:
    """Its text is then in its address alone."""
    me = linked(app, State("mine.pt", "To be", upload="0" * 64))
    assert (me.source, me.typed, me.shown.text) == (FIRST, "To be", "To be")
    assert "this server no longer has it" in note(app)


def test_a_text_that_the_first_model_cannot_read_is_kept_in_its_box(app: AppTest) -> None:
    me = linked(app, State("mine.pt", "1 2 3", upload="0" * 64))
    assert (me.source, me.typed) == (FIRST, "1 2 3")
    assert me.notice is not None
