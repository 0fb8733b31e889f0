"""Models by name: files are downloaded once and of one commit, and each obstacle gives a sentence."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gptcore.checkpoint import CheckpointError
from gptcore.checkpoint.hub import fetch, looks_like_hub_name
from tests.hub_server import Fetcher, Files, Hub, Repo, hub

DECOYS = {"tf_model.h5": b"tf", "flax_model.msgpack": b"flax", "onnx/model.onnx": b"onnx", "README.md": b"# A model"}
INDEX = "model.safetensors.index.json"
NO_HUB = "http://127.0.0.1:9"
Fetch = Callable[..., Any]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Files]:
    """Make the files of one random model: with its weights in one file, in parts, and pickled."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    sizes = GPT2Config(n_layer=2, n_head=2, n_embd=8, vocab_size=20, n_positions=16, bos_token_id=0, eos_token_id=0)
    model = GPT2LMHeadModel(sizes)
    folder = tmp_path_factory.mktemp("saved")
    model.save_pretrained(folder / "whole")
    model.save_pretrained(folder / "parts", max_shard_size="4KB")
    model.config.save_pretrained(folder / "pickled")
    torch.save(model.state_dict(), folder / "pickled/pytorch_model.bin")
    words = {"vocab.json": b"{}", "merges.txt": b"#version: 0.2\n", "tokenizer.json": b'{"model": {}}'}
    found = {at.name: {path.name: path.read_bytes() for path in at.iterdir()} for at in folder.iterdir()}
    return {kind: files | words | DECOYS for kind, files in found.items()}


@pytest.fixture(scope="module")
def fetcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fetcher]:
    if not hasattr(os, "fork"):
        pytest.skip("each fetch is a fork, which this system has not")
    process = Fetcher(tmp_path_factory.mktemp("log") / "stderr.txt")
    yield process
    process.close()


@pytest.fixture
def server() -> Iterator[Hub]:
    with hub() as running:
        yield running


@pytest.fixture
def get_all(server: Hub, fetcher: Fetcher, tmp_path: Path) -> Fetch:
    """Fetch in a new process with this test's own cache. Return each folder, or the CheckpointError's sentence."""

    def answered(*asked: tuple[str, str | None], **environ: str) -> list[Path | str]:
        fetcher.start(server.url, tmp_path / "home", *asked, **environ)
        answers = fetcher.answer()
        assert isinstance(answers, list), f"the process that fetches ended, with the status of a signal: {answers}"
        assert [answer["bug"] for answer in answers if "bug" in answer] == []
        return [Path(answer["folder"]) if "folder" in answer else str(answer["error"]) for answer in answers]

    return answered


@pytest.fixture
def get(get_all: Fetch) -> Fetch:
    """Fetch one model."""

    def answered(revision: str | None = None, **environ: str) -> Path | str:
        return get_all(("lab/tiny", revision), **environ)[0]

    return answered


def contents(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def wanted(files: Files) -> Files:
    return {name: raw for name, raw in files.items() if name not in {*DECOYS, "generation_config.json"}}


def test_what_is_spelled_like_a_name() -> None:
    good = ("openai-community/gpt2", "a/b", "A_1/b.c-d", "x/gpt2.5", "_/_")
    bad = ("gpt2", "", "/", "a/", "/a", "a/b/c", "./a", "../a", "a/..", "a/.b", ".a/b", "~/a", "a\\b", "a/b\\c", "C:/a")
    worse = ("a/b..c", "a--b/c", "a/b.git", "a/b\n", "a/bé", "-a/b", "a/b-", "a/" + "x" * 97, "hf://a/b", "a/b@main")
    assert [text for text in good if not looks_like_hub_name(text)] == []
    assert [text for text in (*bad, *worse) if looks_like_hub_name(text)] == []


def test_load_takes_a_name(server: Hub, saved: dict[str, Files], tmp_path: Path) -> None:
    sha = (server.repos.setdefault("lab/tiny", Repo())).push(saved["whole"])
    for name, raw in saved["whole"].items():
        if "/" not in name:
            (tmp_path / name).write_bytes(raw)
    script = """
import sys, gptcore
from gptcore.checkpoint import CheckpointError
ckpt, local = gptcore.load("lab/tiny", tokenizer="ids"), gptcore.load(sys.argv[1], tokenizer="ids")
print(ckpt.info["format"], ckpt.info["source"], ckpt.info["revision"])
print(all((a == b).all() for a, b in zip(ckpt.model.parameters(), local.model.parameters())))
for name, revision in (("lab/other", None), ("lab/tiny", "no-such"), ("lab/model.pt", None)):
    try:
        gptcore.load(name, revision=revision)
    except CheckpointError as error:
        print(error)
"""
    environ = {**os.environ, "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", script, tmp_path], env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, equal, no_model, no_revision, a_path = done.stdout.splitlines()
    assert first == f"huggingface lab/tiny {sha}"
    assert equal == "True"
    assert no_model.startswith("there is no file or folder 'lab/other' here, and on the hub: ")
    assert "has no model 'lab/other' that you may see" in no_model
    assert "lab/tiny has no revision 'no-such'" in no_revision
    assert a_path.endswith("check the path")
    assert not any("model.pt" in line for line in server.asked)  # it is meant as a path, so no server is asked


@pytest.mark.parametrize("kind", ["whole", "parts", "pickled"])
def test_what_a_gpt2_needs_is_downloaded_once(get: Fetch, server: Hub, saved: dict[str, Files], kind: str) -> None:
    repo = server.repos["lab/tiny"] = Repo()
    sha = repo.push(saved[kind])
    folder = get()
    assert folder.name == sha
    assert contents(folder) == wanted(saved[kind])
    weights = [name for name in contents(folder) if name.endswith((".safetensors", ".bin"))]
    assert len(weights) == (3 if kind == "parts" else 1)
    assert not any(decoy in line for line in server.asked for decoy in DECOYS)
    sent = server.files_sent()
    assert sorted(sent) == sorted(wanted(saved[kind]))
    assert sorted(sent[-len(weights) :]) == sorted(weights)  # last, so that a cache with them is complete
    assert get() == folder
    assert server.asked == ["GET api/models/lab/tiny"]  # only the question for a new version


def test_the_better_container_wins_and_the_whole_file(get: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    repo = server.repos["lab/tiny"] = Repo()
    repo.push(saved["pickled"] | saved["parts"])
    assert contents(get()) == wanted(saved["parts"])
    repo.push(saved["pickled"] | saved["whole"] | saved["parts"])
    assert contents(get()) == wanted(saved["whole"])


def test_a_revision_is_a_branch_or_a_commit(get_all: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    repo = server.repos["lab/tiny"] = Repo()
    old = repo.push(saved["whole"] | {"merges.txt": b"old"})
    new = repo.push(saved["whole"])
    draft = repo.push(saved["whole"] | {"merges.txt": b"draft"}, "refs/pr/1")
    asked = [("lab/tiny", revision) for revision in (None, "main", old, "refs/pr/1")]
    folders = get_all(*asked)
    assert [folder.name for folder in folders] == [new, new, old, draft]
    assert [contents(folder) for folder in folders] == [wanted(repo.commits[folder.name]) for folder in folders]
    assert server.files_sent().count("model.safetensors") == 1  # all three have the same bytes
    assert get_all(*asked, HF_HUB_OFFLINE="1") == folders


def test_a_push_while_downloading_mixes_nothing(get: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    repo = server.repos["lab/tiny"] = Repo()
    old = repo.push(saved["whole"])
    server.after_listing = lambda: repo.push({name: raw + b" " for name, raw in saved["whole"].items()})
    folder = get()
    assert folder.name == old != repo.branches["main"]
    assert contents(folder) == wanted(saved["whole"])


def test_without_network_a_complete_copy_is_enough(get: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    server.repos["lab/tiny"] = Repo()
    server.repos["lab/tiny"].push(saved["parts"])
    folder = get()
    server.asked.clear()
    assert get(HF_HUB_OFFLINE="1") == folder
    assert get(HF_ENDPOINT=NO_HUB) == folder
    assert server.asked == []
    for server.status in (429, 503):
        assert get() == folder
    server.silent = True
    begun = time.monotonic()
    assert get(HF_HUB_ETAG_TIMEOUT="1") == folder
    assert time.monotonic() - begun < 40  # it waits for an answer, but not for long
    next(path for path in folder.iterdir() if "-of-" in path.name).unlink()
    assert "the cache holds no complete copy" in get(HF_HUB_OFFLINE="1")


@pytest.mark.parametrize(
    ("environ", "reason"), [({"HF_HUB_OFFLINE": "1"}, "OfflineModeIs"), ({"HF_ENDPOINT": NO_HUB}, "Connect")]
)
def test_without_network_and_without_a_copy(get: Fetch, environ: dict[str, str], reason: str) -> None:
    sentence = get("v1", **environ)
    assert sentence.startswith(f"lab/tiny cannot be downloaded ({reason}")
    assert sentence.endswith(
        "), and the cache holds no complete copy; download it on a machine with network, "
        "`hf download lab/tiny --revision v1 --local-dir folder`, and load that folder's path"
    )


def test_a_download_that_was_cut_goes_on(get: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    server.repos["lab/tiny"] = Repo()
    server.repos["lab/tiny"].push(saved["whole"])
    server.trouble["model.safetensors"] = "cut"
    folder = get()
    if not isinstance(folder, Path):  # huggingface_hub before 1.31 finishes it only in the next call
        assert "; try again (finished parts are kept), or " in folder
        folder = get()
    assert contents(folder) == wanted(saved["whole"])
    assert server.files_sent().count("config.json") == 1


def test_a_download_that_was_killed_is_no_copy_until_fetched_anew(
    get: Fetch, server: Hub, fetcher: Fetcher, saved: dict[str, Files], tmp_path: Path
) -> None:
    server.repos["lab/tiny"] = Repo()
    server.repos["lab/tiny"].push(saved["whole"])
    server.trouble["model.safetensors"] = "stall"
    pid = fetcher.start(server.url, tmp_path / "home", ("lab/tiny", None))
    assert server.stalled.wait(30)
    os.kill(pid, signal.SIGKILL)
    assert fetcher.answer() == {"killed": signal.SIGKILL}
    assert "the cache holds no complete copy" in get(HF_HUB_OFFLINE="1")
    server.trouble["model.safetensors"] = "501"
    assert "; try again (finished parts are kept), or download it on a machine with network" in get()
    server.trouble.clear()
    server.asked.clear()
    assert contents(get()) == wanted(saved["whole"])
    assert server.files_sent() == ["model.safetensors"]


def test_an_update_that_fails_leaves_the_copy_in_use(get: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    repo = server.repos["lab/tiny"] = Repo()
    old = repo.push(saved["whole"])
    assert get().name == old
    new = repo.push(saved["whole"] | {"model.safetensors": saved["whole"]["model.safetensors"] + b" "})
    server.trouble["model.safetensors"] = "501"
    assert get().name == old
    assert get(HF_HUB_OFFLINE="1").name == old
    server.trouble.clear()
    assert get().name == new
    assert get(HF_HUB_OFFLINE="1").name == new


def test_no_such_model_or_revision_or_no_access(get_all: Fetch, server: Hub, saved: dict[str, Files]) -> None:
    server.repos |= {"lab/tiny": Repo(), "lab/gated": Repo(refusal="GatedRepo"), "lab/closed": Repo(refusal="")}
    for repo in server.repos.values():
        repo.push(saved["whole"])
    lists = f"expected is a branch, tag or commit: {server.url}/lab/tiny/commits lists them"
    asked = [("lab/tinny", None), ("lab/tiny", "v9"), ("lab/tiny", "f" * 40), ("lab/gated", None), ("lab/closed", None)]
    *sentences, closed = get_all(*asked)
    assert sentences == [
        "the Hugging Face hub has no model 'lab/tinny' that you may see; check the spelling, or the path if you meant "
        "one; for a private or gated model, log in with `hf auth login`",
        f"lab/tiny has no revision 'v9'; {lists}",
        f"lab/tiny has no revision '{'f' * 40}'; {lists}",
        f"lab/gated is gated, its owner grants access: ask for it at {server.url}/lab/gated, then log in with "
        "`hf auth login`",
    ]
    assert closed.startswith("the Hugging Face hub refuses lab/closed (HfHubHTTPError: 403 Forbidden")
    assert server.files_sent() == []


def test_models_without_the_files_of_a_gpt2(get_all: Fetch, server: Hub) -> None:
    models: list[Files] = [{}, {"config.json": b""}, {"model.safetensors": b""}, {"config.json": b"", **DECOYS}]
    server.repos |= {f"lab/{i}": Repo() for i in range(len(models))}
    for repo, files in zip(server.repos.values(), models, strict=True):
        repo.push(files)
    sentences = get_all(*((name, None) for name in server.repos))
    for sentence, name, files in zip(sentences, server.repos, models, strict=True):
        held = ", ".join(sorted(files)) or "nothing"
        assert sentence.startswith(f"{name} on the hub holds {held}; expected is a GPT-2 as transformers writes it, ")
    assert server.files_sent() == []


def test_an_index_that_names_other_files(get_all: Fetch, server: Hub) -> None:
    cases: list[tuple[object, str]] = [
        ({"weight_map": {"a": "../../secret.safetensors"}}, "../../secret.safetensors"),
        ({"weight_map": {"a": "sub/b.safetensors"}}, "sub/b.safetensors"),
        ({"weight_map": {"a": "sub/safetensors"}}, "sub/safetensors"),
        ({"weight_map": {"a": "missing.safetensors"}}, "missing.safetensors"),
        ({"weight_map": {"a": "x.safetensors", "b": "tf_model.h5"}}, "tf_model.h5"),
        ({"weight_map": {"a": "pytorch_model.bin"}}, "pytorch_model.bin"),
        ({"weight_map": {"a": "evil\n.safetensors", "b": 5}}, "'evil\\n.safetensors', 5"),
        ({"weight_map": {"a": ["x"]}}, "nothing"),
        ({"weight_map": {}}, "nothing"),
        ({"weight_map": {"a": "x.safetensors"}, "pad": " " * 2**22}, "nothing"),
        ([], "nothing"),
        (5, "nothing"),
    ]
    beside = ("config.json", "x.safetensors", "sub/b.safetensors", "sub/safetensors", "pytorch_model.bin", *DECOYS)
    server.repos |= {f"lab/{i}": Repo() for i in range(len(cases))}
    for repo, (content, _) in zip(server.repos.values(), cases, strict=True):
        repo.push(dict.fromkeys(beside, b"") | {INDEX: json.dumps(content).encode()})
    sentences = get_all(*((name, None) for name in server.repos))
    for sentence, name, (_, named) in zip(sentences, server.repos, cases, strict=True):
        assert sentence.startswith(
            f"{INDEX} of {name} names as parts of the weights {named}; expected are .safetensors"
        )
    assert server.files_sent() == [INDEX] * len(cases)


@pytest.mark.parametrize(
    ("name", "revision"),
    [("gpt2", None), ("a/../b", None), ("a/b", ""), ("a/b", "../x"), ("a/b", "/etc"), ("a/b", "-x")],
)
def test_names_and_revisions_that_are_none(name: str, revision: str | None) -> None:
    with pytest.raises(
        CheckpointError, match=f"is owner/name, its revision a branch, .*; got {name!r} and {revision!r}"
    ):
        fetch(name, revision)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(
        CheckpointError, match=r"needs the package .* pip install 'gptscope\[hub\]', or download the fol"
    ):
        fetch("lab/tiny")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        PermissionError(errno.EACCES, "Permission denied"),
        RuntimeError("IO error: No space left on device (os error 28)"),
    ],
)
def test_a_cache_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    import huggingface_hub

    def broken(*_: object, **__: object) -> str:
        raise error

    files = [{"rfilename": "config.json"}, {"rfilename": "model.safetensors"}]
    info = huggingface_hub.ModelInfo(  # type: ignore[no-untyped-call]
        id="a/b", sha="0" * 40, siblings=files
    )
    monkeypatch.setattr(huggingface_hub, "model_info", lambda *_, **__: info)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", broken)
    with pytest.raises(
        CheckpointError, match=r"^a/b cannot be written to .*(space|denied).*set HF_HOME to ano"
    ) as caught:
        fetch("a/b")
    assert caught.value.__cause__ is error
