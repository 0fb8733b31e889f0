"""A model that cannot be opened as it is: each remedy is a control; what its file leaves open can be tried."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import Button
from torch import Tensor

from app.state import server
from app.stores.models import Models
from gptcore import GPTConfig, capture, load, save
from gptcore.analysis import token_loss
from gptcore.checkpoint import hub
from gptcore.tokenizer import IdTokenizer
from tests.browser.driver import ROOT
from tests.reference import random_state

ARGS = {"n_layer": 2, "n_head": 2, "n_embd": 24, "block_size": 16, "bias": True, "vocab_size": 61}


@pytest.fixture
def state() -> dict[str, Tensor]:
    return random_state(tied=True)


def started(monkeypatch: pytest.MonkeyPatch, source: object, script: str = "app/main.py") -> AppTest:
    monkeypatch.setattr("sys.argv", ["app/main.py", str(source)])
    at = AppTest.from_file(ROOT / script, default_timeout=60).run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    return "\n".join(str(element.value) for element in [*at.text, *at.caption, *at.error])


def test_heads_can_be_told_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]
) -> None:
    torch.save(state, tmp_path / "weights.pt")
    at = started(monkeypatch, tmp_path / "weights.pt")
    assert "they do not tell the number of heads" in texts(at)
    at.selectbox[0].select(3).run()
    next(button for button in at.button if button.label == "Open it with these heads").click().run()
    assert not at.exception
    assert at.session_state["explorer"].final.config.n_head == 3


def test_a_wrong_vocabulary_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]
) -> None:
    too_large = IdTokenizer(4000).to_json()
    torch.save({"model": state, "model_args": ARGS, "tokenizer": too_large}, tmp_path / "ckpt.pt")
    at = started(monkeypatch, tmp_path / "ckpt.pt")
    assert "the tokenizer has 4000 ids, the model only 61" in texts(at).lower()
    next(button for button in at.button if button.label.startswith("Open it without words")).click().run()
    assert at.session_state["explorer"].final.tokenizer == IdTokenizer(61)


def test_other_places_are_buttons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> None:
    for name in ("a.pt", "b.pt"):
        torch.save({"model": state, "model_args": ARGS}, tmp_path / name)
    at = started(monkeypatch, tmp_path)
    button = next(button for button in at.button if button.label.endswith("b\\.pt"))
    monkeypatch.setenv(server.SHARED, "1")  # nobody opens paths of a shared server
    shared = started(monkeypatch, tmp_path)
    assert not any(button.label.endswith("\\.pt") for button in shared.button)
    monkeypatch.delenv(server.SHARED)
    button.click().run()
    assert at.session_state["explorer"].source == str(tmp_path / "b.pt")


@pytest.fixture
def fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]) -> list[str]:
    """The names that were asked of the hub, each of which is a small model."""
    torch.save(state, tmp_path / "weights.pt")
    save(load(tmp_path / "weights.pt", config=GPTConfig(**ARGS)), tmp_path / "fetched")  # type: ignore[arg-type]
    monkeypatch.setattr(server, "_MODELS", Models())  # what another test has fetched is not fetched again
    names: list[str] = []

    def fetch(name: str, revision: str | None = None) -> Path:
        names.append(name)
        return tmp_path / "fetched"

    monkeypatch.setattr(hub, "fetch", fetch)
    return names


def hub_buttons(at: AppTest) -> list[Button]:
    return [button for button in at.button if button.label.endswith("from the hub")]


@pytest.mark.parametrize(
    ("typed", "whole"),
    [
        ("gpt2", "openai-community/gpt2"),
        ("gpt2-medium", "openai-community/gpt2-medium"),
        ("distilgpt2", "distilbert/distilgpt2"),
    ],
)
def test_a_model_of_the_hub_by_its_short_name_is_one_button(
    monkeypatch: pytest.MonkeyPatch, fetched: list[str], typed: str, whole: str
) -> None:
    at = started(monkeypatch, typed)
    assert f"there is no file or folder '{typed}'; on the Hugging Face hub it is '{whole}'" in texts(at)
    (button,) = hub_buttons(at)
    assert button.label.replace("\\", "") == f"Open {whole} from the hub"
    assert fetched == []  # nothing is downloaded unasked
    button.click().run()
    assert not at.exception
    assert (fetched, at.session_state["explorer"].source) == ([whole], whole)


def _dialog() -> None:
    """The top of the dialog after a failure; AppTest closes a dialog at the next run."""
    from app.state import opening
    from app.stores.models import Wanted
    from app.views import picker
    from gptcore import CheckpointError, load

    if opening.ready():
        try:
            load("distilgpt2")
        except CheckpointError as error:
            opening.failed(Wanted("distilgpt2"), error)
        picker._retry([])


def test_the_dialog_offers_it_too_but_not_on_a_shared_server(
    monkeypatch: pytest.MonkeyPatch, fetched: list[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    at = AppTest.from_function(_dialog, default_timeout=60).run()
    (button,) = hub_buttons(at)
    at.session_state["lab"] = {"head": "1.0", "view": "table"}
    button.click().run()
    assert not at.exception
    assert (fetched, at.session_state["explorer"].source) == (["distilbert/distilgpt2"], "distilbert/distilgpt2")
    assert at.session_state["lab"] == {"view": "table"}  # a head is one of its model; how it is shown is no such thing
    monkeypatch.setenv(server.SHARED, "1")
    assert hub_buttons(started(monkeypatch, "gpt2")) == []


def _about() -> None:
    from app.state import opening
    from app.views.model_card import card

    if opening.ready():
        card()


def test_what_a_file_leaves_open_can_be_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]
) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    monkeypatch.setattr("sys.argv", ["app/main.py", str(tmp_path / "ckpt.pt")])
    at = AppTest.from_function(_about, default_timeout=60).run()
    assert not at.exception
    me = at.session_state["explorer"]
    assert "activation = 'gelu' is assumed" in texts(at)
    losses = {}
    for activation in ("gelu", "gelu_tanh"):
        model = load(tmp_path / "ckpt.pt", activation=activation).model
        losses[activation] = token_loss.of_trace(capture(model, me.shown.trace.ids)).mean
    assert losses["gelu"] != losses["gelu_tanh"]
    shown = at.table[1].value
    assert shown["on this prompt"].to_dict() == {name: f"loss {loss:.4f} nats" for name, loss in losses.items()}
    at.button(key="try activation gelu_tanh").click().run()
    assert not at.exception
    after = at.session_state["explorer"]
    assert after.final.config.activation == "gelu_tanh"
    assert after.shown.text == me.shown.text
    assert not any(button.key == "try activation gelu" for button in at.button)  # now it was decided
    weights = [ckpt.model.lm_head.weight.data_ptr() for ckpt in (me.final, after.final)]
    assert weights[0] == weights[1]


def test_a_model_that_tells_everything_asks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]
) -> None:
    torch.save(state, tmp_path / "weights.pt")
    ours = load(tmp_path / "weights.pt", config=GPTConfig(**ARGS))  # type: ignore[arg-type]
    save(ours, tmp_path / "ours")
    monkeypatch.setattr(sys, "argv", ["app/main.py", str(tmp_path / "ours")])
    at = AppTest.from_function(_about, default_timeout=60).run()
    assert not at.exception
    assert "is assumed" not in texts(at)


def _header() -> None:
    """The header after a model was opened, as the dialog does it."""
    import streamlit as st

    from app.state import opening
    from app.stores.models import Wanted
    from app.views import picker

    if opening.ready():
        if "now" in st.session_state:
            opening.open_model(Wanted(st.session_state.pop("now")), lambda share, what: None)
        picker.model_header(typed=False)


def test_a_checkpoint_of_one_s_own_tells_of_its_file_and_of_memory_and_a_shipped_model_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: dict[str, Tensor]
) -> None:
    torch.save({"model": state, "model_args": ARGS}, tmp_path / "ckpt.pt")
    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    at = AppTest.from_function(_header, default_timeout=60).run()
    told: list[list[str]] = []
    for source in ("induction", str(tmp_path / "ckpt.pt"), "two-names"):
        at.session_state["now"] = source
        at.run()
        assert not at.exception
        assert at.session_state["explorer"].source == source
        told.append([str(toast.value) for toast in at.toast])
    assert told[0] == told[2] == []
    (own,) = told[1]
    assert "this server's memory" in own
