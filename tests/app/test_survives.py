"""The app on a machine in trouble: no room, no log, a first model that is gone or damaged."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.state import server
from app.stores.models import Models, Wanted, digest
from gptcore import CheckpointError, load
from gptcore.checkpoint import shipped, shipped_folder
from tests.app.test_models import nanogpt_files, silent
from tests.browser.driver import ROOT

# ---- the first model -------------------------------------------------------------------------------------------------


def without(folder: Path) -> None:
    shutil.rmtree(folder / "fairytales")


def damaged(folder: Path) -> None:
    (folder / "fairytales" / "model.safetensors").write_bytes(b"x")


def without_config(folder: Path) -> None:
    (folder / "fairytales" / "config.json").write_bytes(b"")


def without_card(folder: Path) -> None:
    damaged(folder)
    (folder / "nano-sort" / "README.md").unlink()


@pytest.fixture
def own_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped models that a test may damage, without the large ones."""
    for name in ("fairytales", "nano-sort"):
        shutil.copytree(shipped_folder() / name, tmp_path / "checkpoints" / name)
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path)
    monkeypatch.setattr(server, "_MODELS", Models())
    return tmp_path / "checkpoints"


def no_first_model() -> None:
    """The frame without a model, with its dialog open; and with one."""
    from app.state import opening
    from app.views.picker import _choose, model_header, no_model

    if opening.ready():
        model_header(typed=False)
        return
    no_model()
    _choose()


@pytest.mark.parametrize("trouble", [without, damaged, without_config, without_card])
@pytest.mark.parametrize("shared", ["0", "1"])
def test_where_the_first_model_is_gone_another_one_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch, own_assets: Path, trouble: Callable[[Path], None], shared: str
) -> None:
    monkeypatch.setenv(server.SHARED, shared)
    monkeypatch.setattr("sys.argv", ["app/main.py"])
    trouble(own_assets)
    at = AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run()
    assert not at.exception
    assert at.error[0].value == "This model could not be loaded."
    assert [button.label for button in at.button] == ["Choose another model"]
    at = AppTest.from_function(no_first_model, default_timeout=60).run()
    assert not at.exception
    at.button(key="offer nano-sort").click().run()
    assert not at.exception
    assert at.session_state["loaded"] == Wanted("nano-sort")
    assert at.button(key="choose").label == "nano\\-sort"


# ---- no room ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EROFS])
def test_an_upload_that_finds_no_room_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    files = nanogpt_files(tmp_path)

    def full(self: Path, data: object) -> int:
        raise OSError(error, os.strerror(error), str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(CheckpointError, match="the temporary folder of this server") as told:
        Models().get(Wanted("ckpt.pt", digest=digest(files)), silent, files)
    assert tempfile.gettempdir() not in str(told.value)


def test_without_any_temporary_folder_nothing_but_what_needs_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python finds none on a full disk: it tries to write to each."""
    files = nanogpt_files(tmp_path)

    def none() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp', '/secret']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *_, **__: none())
    with pytest.raises(CheckpointError, match="the temporary folder of this server is full") as told:
        Models().get(Wanted("ckpt.pt", digest=digest(files)), silent, files)
    assert "secret" not in str(told.value)
    with pytest.raises(CheckpointError, match="needs a temporary folder"):
        load(tmp_path / "x.pt")
    assert load("nano-sort").info["format"] == "gptscope"
