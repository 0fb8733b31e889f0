"""`python -m gptcore.checkpoint`: its output, the folders it writes, and its errors."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gptcore import GPT, GPTConfig, load
from gptcore.checkpoint.__main__ import main
from tests.conftest import random_model


def nanogpt(path: Path) -> GPT:
    model = random_model(vocab_size=9)
    content = {"model": model.state_dict(), "model_args": model.config.to_dict(), "iter_num": 7, "best_val_loss": 1.5}
    torch.save(content, path)
    return model


def test_inspect_prints_what_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = nanogpt(tmp_path / "ckpt.pt")
    assert main(["inspect", str(tmp_path / "ckpt.pt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{tmp_path / 'ckpt.pt'}: nanogpt"
    assert f"n_head={model.config.n_head}" in lines[1]
    assert lines[2].startswith(f"parameters: {sum(p.numel() for p in model.parameters()):,} ")
    assert "iterations: 7" in lines
    assert "best validation loss: 1.5" in lines
    assert any(line.startswith("notice: there is no vocabulary") for line in lines)
    parity = re.match(r"parity: (\S+) largest difference", lines[-1])
    assert parity is not None
    assert float(parity[1]) < 1e-5


def test_convert_writes_the_same_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = nanogpt(tmp_path / "ckpt.pt")
    assert main(["convert", str(tmp_path / "ckpt.pt"), str(tmp_path / "ours")]) == 0
    assert capsys.readouterr().out.endswith(f"written to {tmp_path / 'ours'}\n")
    again = load(tmp_path / "ours")
    assert again.info["format"] == "gptscope"
    assert all(torch.equal(a, b) for a, b in zip(again.model.parameters(), model.parameters(), strict=True))


def test_what_cannot_be_done_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nanogpt(tmp_path / "ckpt.pt")
    (tmp_path / "there").write_text("a file of somebody's")
    for arguments, sentence in (
        (["inspect", str(tmp_path / "none.pt")], "there is no file or folder"),
        (["convert", str(tmp_path / "ckpt.pt"), str(tmp_path / "there")], "is a file, so it is not replaced"),
        (["convert", str(tmp_path / "ckpt.pt"), "/proc/x"], "/proc/x could not be written"),
        (["inspect", str(tmp_path / "ckpt.pt"), "--config", '{"n_layer": 1}'], "this field is missing"),
        (["inspect", str(tmp_path / "ckpt.pt"), "--config", "{"], "Expecting property name"),
    ):
        assert main(arguments) == 1
        told = capsys.readouterr().err
        assert sentence in told
        assert "Traceback" not in told
    assert (tmp_path / "there").read_text() == "a file of somebody's"


def test_the_heads_that_weights_do_not_tell_are_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save(GPT(GPTConfig.preset("nano-sort")).state_dict(), tmp_path / "model.pt")
    assert main(["inspect", str(tmp_path / "model.pt")]) == 1
    suggested = re.search(r"--config '(.*)'", capsys.readouterr().err)
    assert suggested is not None
    config = suggested[1].replace("HEADS", "3")
    assert json.loads(config)["n_head"] == 3
    assert main(["inspect", str(tmp_path / "model.pt"), "--config", config]) == 0
    assert "n_head=3" in capsys.readouterr().out


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m gptcore.checkpoint inspect shakespeare-char | head -1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert "gptscope" in done.stdout
    assert done.stderr == ""
