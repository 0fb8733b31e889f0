"""Checkpoints of each kind whose fields hold what they should not: one field at a time, or all of them at once."""

from __future__ import annotations

import copy
import functools
import json
import math
import pickle
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import torch

from gptcore import GPT
from gptcore.checkpoint import save
from gptcore.checkpoint.formats import native
from tests.lopsided import LETTERS, checkpoint_of, lopsided, write_folder

MARK: Final = "http://127.0.0.1:9/outside"
"""The beginning of each address in a hostile text; nothing may ask for it."""
MARKUP: Final = (
    f"![m]({MARK}.png) <img src={MARK}.svg onerror=\"fetch('{MARK}.js')\"> <script>fetch('{MARK}')</script> "
    f"[l]({MARK}) {MARK} www.evil.example $\\frac{{1}}{{2}}$ :material/home: :red[x] :streamlit: `c` **b** -> <!--"
)
TEXTS: Final[Mapping[str, str]] = {
    "markup": MARKUP,
    "style": f"<style>@import url({MARK}.css); * {{background: url({MARK}.gif)}}</style><svg/onload=alert(1)>",
    "turned": "abc \u202egnp.exe\u2066 \u200b\ufeff x",
    "nothing": "a\0b\x1b[31m\r\n\n# heading\n\n---\n| a |\n|---|\n    code",
    "half": "\ud800 half of a character",
    "long": "x" * 10**6,
    "path": "../../../../etc/passwd",
}
OTHERS: Final[Mapping[str, Any]] = {
    "a list": [1, [2, {"a": MARKUP}]],
    "a dict": {MARKUP: {"b": [None]}},
    "a deep list": [[[[[[[[[[[[[[[[[[[[["x"]]]]]]]]]]]]]]]]]]]]],
    "NaN": math.nan,
    "infinity": -math.inf,
    "a huge number": 10**400,
    "a negative": -7,
    "a large number": 10**12,
    "a fraction": 0.5,
    "true": True,
    "none": None,
    "empty": "",
}
VALUES: Final[Mapping[str, Any]] = {**TEXTS, **OTHERS}
Fields = Mapping[str, Any]
"""Values by the path of their field: "info.iter_num"; a "*" in it stands for a new field, whose name is hostile."""


def changed(content: dict[str, Any], fields: Fields) -> dict[str, Any]:
    """Return a copy in which these fields hold these values."""
    made = copy.deepcopy(content)
    for path, value in fields.items():
        *parents, last = path.split(".")
        inner = made
        for name in parents:
            inner = inner.setdefault(name, {})
        inner[MARKUP if last == "*" else last] = value
    return made


@functools.cache
def usual() -> GPT:
    """The model of all of them, which no one changes."""
    return lopsided()


@functools.cache
def files_of(snapshots: bool) -> Mapping[str, bytes]:
    """The files of its folder, by their paths in it."""
    with tempfile.TemporaryDirectory() as place:
        folder = write_folder(Path(place), usual(), snapshots=snapshots)
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_usual(folder: Path, snapshots: bool = False) -> None:
    """Write them; making them anew takes ten times as long."""
    for name, raw in files_of(snapshots).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(raw)


# ---- a function for each kind: it writes the files and returns what is to be opened --------------------------------


def nanogpt(folder: Path, fields: Fields) -> Path:
    """Write nanoGPT's file."""
    model = usual()
    content = {
        "model": model.state_dict(),
        "model_args": model.config.to_dict(),
        "iter_num": 7,
        "best_val_loss": 1.5,
        "config": {"dataset": "x", "learning_rate": 1e-3, "max_iters": 10},
        "tokenizer": checkpoint_of(model).tokenizer.to_json(),
    }
    torch.save(changed(content, fields), folder / "ckpt.pt")
    return folder / "ckpt.pt"


def ours(folder: Path, fields: Fields) -> Path:
    """Write a folder of `save`, sealed anew."""
    info = {"prompt": "abc", "iter_num": 450, "train_config": {"steps": 450}}
    save(checkpoint_of(usual(), info), folder)
    content = json.loads((folder / native.CONFIG).read_bytes())
    content.pop("sha256")
    (folder / native.CONFIG).write_bytes(native._sealed(changed(content, fields)))
    return folder


def our_tokenizer(folder: Path, fields: Fields) -> Path:
    """Write such a folder, whose vocabulary is a table of tokens."""
    save(checkpoint_of(usual()), folder)
    table = {"format": "gptscope-tokenizer", "version": 1, "kind": "table", "tokens": [*LETTERS]}
    whole = changed(table, {name: value for name, value in fields.items() if not name.startswith("tokens.")})
    for name, value in fields.items():
        if name.startswith("tokens."):
            whole["tokens"][int(name.partition(".")[2])] = value
    (folder / native.TOKENIZER).write_text(json.dumps(whole))
    content = json.loads((folder / native.CONFIG).read_bytes())
    content.pop("sha256")
    content["tokenizer"]["sha256"] = native._sha256(folder / native.TOKENIZER)
    (folder / native.CONFIG).write_bytes(native._sealed(content))
    return folder


def huggingface(folder: Path, fields: Fields) -> Path:
    """Write a folder of transformers' kind; what is no GPT-2 by then is bare weights beside a config."""
    config = usual().config
    content = {
        **{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "activation_function": "gelu_new"},
        **{"n_positions": config.block_size, "n_embd": config.n_embd, "n_layer": config.n_layer},
        **{"n_head": config.n_head, "vocab_size": config.vocab_size, "layer_norm_epsilon": 1e-5},
    }
    state = dict(usual().state_dict())
    for name in state:
        if name.endswith(("c_attn.weight", "c_proj.weight", "c_fc.weight")):
            state[name] = state[name].t().contiguous()
    torch.save(state, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps(changed(content, fields)))
    return folder


def mingpt(folder: Path, fields: Fields) -> Path:
    """Write minGPT's weights with its config."""
    model = usual()
    torch.save(model.state_dict(), folder / "model.pt")
    content = {"model": {"model_type": None, "n_head": model.config.n_head}, "trainer": {}, "system": {}, "data": {}}
    (folder / "config.json").write_text(json.dumps(changed(content, fields)))
    return folder / "model.pt"


def meta_pkl(folder: Path, fields: Fields) -> Path:
    """Write nanoGPT's vocabulary beside its file."""
    path = nanogpt(folder, {"tokenizer": None})
    meta = {"vocab_size": len(LETTERS), "itos": dict(enumerate(LETTERS)), "stoi": {c: i for i, c in enumerate(LETTERS)}}
    (folder / "meta.pkl").write_bytes(pickle.dumps(changed(meta, fields)))
    return path


def snapshot_index(folder: Path, fields: Fields) -> Path:
    """Write a folder with snapshots, whose last line of the index is hostile."""
    write_usual(folder, snapshots=True)
    index = folder / "snapshots" / "index.jsonl"
    *lines, last = index.read_text().splitlines()
    index.write_text("\n".join([*lines, json.dumps(changed(json.loads(last), fields))]) + "\n")
    return folder


def run_folder(folder: Path, fields: Fields) -> Path:
    """Write the folder of a training: its settings and its curves; and a card."""
    write_usual(folder)
    of_lines = {name[6:]: value for name, value in fields.items() if name.startswith("lines.")}
    settings = {"steps": 100, "batch_size": 4, "accumulate": 1, "block_size": 8, "eval_interval": 10, "data": "sort"}
    others = {name: value for name, value in fields.items() if not name.startswith(("lines.", "card"))}
    (folder / "settings.json").write_text(json.dumps(changed(settings, others)))
    lines = [{"step": step, "loss": 3.0, "val_loss": 2.0, "tokens_per_s": 9.0, "lr": 0.1} for step in (0, 10, 20)]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with (folder / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(changed({**lines[-1], "step": 30}, of_lines)) + "\n")
    card = fields.get("card", f"# card\n\n{MARKUP}\n\n| data | x |\n")
    (folder / "README.md").write_text(str(card), encoding="utf-8", errors="replace")
    return folder


KINDS: Final[Mapping[str, tuple[Callable[[Path, Fields], Path], tuple[str, ...]]]] = {
    "nanogpt": (
        nanogpt,
        (
            *("iter_num", "best_val_loss", "step", "val_loss", "config", "config.*", "config.dataset", "config.steps"),
            *("config.max_iters", "model_args.extra", "model_args.*", "model_args.layer_norm_epsilon"),
            *("model_args.activation", "model_args.n_head", "model_args", "tokenizer", "tokenizer.kind"),
            *("tokenizer.chars", "*"),
        ),
    ),
    "ours": (
        ours,
        (
            *("info.iter_num", "info.best_val_loss", "info.val_loss", "info.train_config", "info.train_config.steps"),
            *("info.train_config.*", "info.prompt", "info.revision", "info.snapshot", "info.assumptions", "info.*"),
            *("info.notices", "info.source", "info.format", "config.activation", "config.n_layer", "version"),
            *("weights.file", "weights.dtype", "tokenizer.file", "info", "*"),
        ),
    ),
    "our tokenizer": (our_tokenizer, ("kind", "version", "tokens", "tokens.0", "tokens.3", "*")),
    "huggingface": (
        huggingface,
        (
            *("model_type", "architectures", "activation_function", "n_positions", "n_head", "vocab_size", "_name"),
            *("layer_norm_epsilon", "scale_attn_weights", "add_cross_attention", "tie_word_embeddings", "*"),
            "task_specific_params",
        ),
    ),
    "mingpt": (mingpt, ("model.model_type", "model.n_head", "model", "model.*", "system", "*")),
    "meta.pkl": (meta_pkl, ("vocab_size", "itos", "stoi", "itos.x", "stoi.*", "*")),
    "snapshots": (
        snapshot_index,
        (
            "step",
            "file",
            "sha256",
            "train_loss",
            "val_loss",
            "val_accuracy",
            "heads",
            "heads.induction",
            "heads.*",
            "*",
        ),
    ),
    "a training": (
        run_folder,
        (
            *("steps", "batch_size", "accumulate", "block_size", "eval_interval", "data", "snapshots", "*"),
            *("lines.step", "lines.loss", "lines.val_loss", "lines.lr", "lines.tokens_per_s", "lines.*", "card"),
        ),
    ),
}
"""Each kind of file: how it is written, and the fields of it that are read."""
