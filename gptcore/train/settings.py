"""Every option of a training run, in one place: the command line, the run's record and its resume read them here."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from gptcore import data

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["auto", "on", "off"]
SETTINGS = "settings.json"
OF_INIT_FROM = ("tokenizer", "vocab_size", "n_layer", "n_head", "n_embd", "bias", "tie_weights", "activation")
"""Options that say nothing where a checkpoint is trained on."""
"""Where a run's folder keeps them."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Train a GPT on a text or a built-in task, as nanoGPT does.

    The defaults are nanoGPT's baby GPT (config/train_shakespeare_char.py), which wants a GPU.
    """

    out: Path
    """The run's folder: last.pt to resume from, best.pt to look into, metrics.jsonl, settings.json."""
    data: str = "tinyshakespeare"
    """A text file, a folder of them, the name of a public data set (tinyshakespeare, fairytales, names: found in
    $GPTSCOPE_DATA, else downloaded once), or a built-in task: sort, induction, addition."""
    tokenizer: Literal["char", "bpe", "gpt2"] = "char"
    """Of a text: its characters, byte pairs learnt from it, or GPT-2's byte pairs. A task brings its own."""
    vocab_size: int = 0
    """V: how many ids byte pairs are learnt for (0: 4096), or how many letters a task has (0: its usual)."""
    init_from: str | None = None
    """Start from these weights: anything that gptcore.load takes. Sizes, vocabulary, tying and activation are then its
    own, whatever the options say; only block_size may be chosen, smaller than its."""
    resume: bool = False
    """Go on from out/last.pt with the settings it was started with; options given again are changed."""
    export: Path | None = None
    """At the end, write the best model here as a checkpoint folder with a model card and its loss curve."""
    export_dtype: Literal["float32", "float16", "bfloat16"] = "float16"
    """The precision of the exported weights."""
    name: str = "a small GPT"
    """What the model card calls the model."""
    prompt: str = ""
    """What the app shows first when the exported model is opened; a task has an example of its own."""

    block_size: int = 0
    """T: the context length, in tokens (0: 256, the usual of a task, or that of init_from)."""
    n_layer: int = 6
    """L: blocks."""
    n_head: int = 6
    """H: attention heads in a block."""
    n_embd: int = 384
    """C: the embedding dimension."""
    dropout: float = 0.2
    """The share of activations dropped while training."""
    bias: bool = False
    """Biases in linear layers and layer norms."""
    tie_weights: bool = True
    """One matrix for the embedding of tokens and for the logits."""
    activation: Literal["gelu", "gelu_tanh"] = "gelu"
    """nanoGPT's, or GPT-2's and minGPT's."""
    embedding_std: float = 0.02
    """Of the first embeddings. GPT-2's 0.02 suits hundreds of dimensions; in a narrow model the layers soon drown what
    is so small, and it learns by heart what it could look up: 0.2 there."""

    steps: int = 5000
    """Optimizer steps."""
    batch_size: int = 64
    """Sequences in one forward pass."""
    accumulate: int = 1
    """Forward passes summed into one optimizer step."""
    learning_rate: float = 1e-3
    """The peak, reached after the warm-up."""
    min_learning_rate: float = 1e-4
    """What the cosine decays to at the last step."""
    warmup_steps: int = 100
    """Steps of linear warm-up."""
    weight_decay: float = 0.1
    """On matrices and embeddings only; biases and layer norms are not decayed."""
    beta1: float = 0.9
    """AdamW's first moment."""
    beta2: float = 0.99
    """AdamW's second moment."""
    grad_clip: float = 1.0
    """The largest norm of the gradient; 0 does not clip."""

    snapshots: tuple[int, ...] = ()
    """Steps after which the weights are kept for looking back, besides the last; with losses and the heads' scores."""
    snapshot_every: int = 0
    """The same at every so many steps, the first weights included; 0 for none."""
    eval_interval: int = 250
    """Steps between two evaluations on held-out text, each followed by a save."""
    eval_windows: int = 200
    """Windows of block_size tokens in one evaluation, evenly spread over the split."""
    log_interval: int = 10
    """Steps between two lines of metrics.jsonl."""
    tensorboard: bool = True
    """Write the metrics for TensorBoard, too, into out/tensorboard, where the package tensorboard is installed."""
    seed: int = 1337
    """Decides the initial weights, the batches and the dropout."""
    device: Device = "auto"
    """auto takes a CUDA GPU when there is one."""
    precision: Precision = "auto"
    """auto takes bfloat16 autocast where the hardware has it."""
    compile: Compile = "auto"
    """torch.compile; auto takes it on a CUDA GPU that has Triton."""

    def __post_init__(self) -> None:
        if self.block_size == 0 and self.init_from is None:
            usual = data.DEFAULTS[self.data][0] if self.data in data.DEFAULTS else 256
            object.__setattr__(self, "block_size", usual)
        if self.snapshot_every < 0:
            raise ValueError(f"snapshot_every: must be 0 for none, or more, got {self.snapshot_every}")
        at_least_one = ("steps", "batch_size", "accumulate", "eval_interval", "eval_windows", "log_interval")
        for field in at_least_one:
            if getattr(self, field) < 1:
                raise ValueError(f"{field}: must be at least 1, got {getattr(self, field)}")
        if not 0 < self.min_learning_rate <= self.learning_rate:
            raise ValueError(
                f"min_learning_rate: must be above 0 and at most learning_rate = {self.learning_rate}, "
                f"got {self.min_learning_rate}"
            )

    def keeps_snapshot(self, step: int) -> bool:
        """Whether the weights after this step are kept for looking back.

        >>> settings = Settings(out=Path("run"), steps=10, snapshots=(3,), snapshot_every=4)
        >>> [step for step in range(11) if settings.keeps_snapshot(step)]
        [0, 3, 4, 8, 10]
        """
        if not self.snapshots and not self.snapshot_every:
            return False
        regular = bool(self.snapshot_every) and step % self.snapshot_every == 0
        return regular or step in self.snapshots or step == self.steps

    def to_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}

    def told(self) -> dict[str, Any]:
        """The same, without what says nothing where a checkpoint is trained on: that has these of its own."""
        fields = self.to_dict()
        return {name: fields[name] for name in fields if self.init_from is None or name not in OF_INIT_FROM}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Settings:
        """The inverse of `to_dict`; fields of other versions are passed over."""
        known = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in fields.items() if name in known}
        paths = {name: Path(fields[name]) for name in ("out", "export") if fields.get(name) is not None}
        steps = {"snapshots": tuple(fields.get("snapshots", ()))}
        return cls(**{**fields, **paths, **steps})


@dataclasses.dataclass(frozen=True)
class _Which:
    """The two options that decide where the others' defaults come from."""

    out: Path
    resume: bool = False


def parse(arguments: list[str], read_saved: Callable[[Path], Settings], restarted: bool = False) -> Settings:
    """Settings from a command line. With --resume, what is not given comes from `read_saved(out)`.

    `restarted`: torchrun has started the job again with its first command, because a worker was lost. The run that
    was started with the very same settings is then resumed.
    """
    if "--resume" in arguments:
        which, _ = tyro.cli(_Which, args=arguments, return_unknown_args=True, add_help=False)
        defaults = dataclasses.replace(read_saved(which.out), out=which.out, resume=True)
        arguments = [argument for argument in arguments if argument != "--resume"]
        return tyro.cli(Settings, args=arguments, default=defaults, prog="python -m gptcore.train")
    settings = tyro.cli(Settings, args=arguments, prog="python -m gptcore.train")
    if restarted and (settings.out / SETTINGS).exists():
        same = dataclasses.replace(read_saved(settings.out), resume=False) == settings
        return dataclasses.replace(settings, resume=same)
    return settings


def choose_device(wanted: Device, local_rank: int = 0) -> torch.device:
    """The device to train on: of several GPUs, each process of a machine has its own, by its local rank.

    Raises:
        ValueError: "cuda" where there is none, or fewer GPUs than processes.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not there):
        return torch.device("cpu")
    if not there:
        raise ValueError("device: cuda was asked for, and PyTorch sees no CUDA GPU here; leave --device auto")
    if local_rank >= there:
        raise ValueError(
            f"device: there are more processes on this machine than its {there} GPUs; start at most {there}, "
            "or take --device cpu"
        )
    return torch.device("cuda", local_rank)


def choose_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """The type of the matrix products; weights and optimizer stay float32."""
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities()
        fast = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.bfloat16 if fast else torch.float32


def choose_compile(wanted: Compile, device: torch.device) -> bool:
    """Whether to compile the model."""
    if wanted != "auto":
        return wanted == "on"
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None
