"""Every option of a training, in one place: the command line, the saved settings and the resume use this file."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import torch
import tyro

from gptcore import data
from gptcore.checkpoint.training_files import SETTINGS

Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["auto", "float32", "bfloat16"]
Compile = Literal["auto", "on", "off"]
OF_INIT_FROM = ("tokenizer", "vocab_size", "n_layer", "n_head", "n_embd", "bias", "tie_weights", "activation")
"""Options without effect with `init_from`, because the checkpoint decides them."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """Train a GPT on a text or a built-in task, as nanoGPT does.

    The defaults are nanoGPT's baby GPT (config/train_shakespeare_char.py), which needs a GPU.
    """

    out: Path
    """The training's folder: last.pt to resume from, best.pt to open, metrics.jsonl, settings.json."""
    data: str = "tinyshakespeare"
    """A text file, a folder of them, nanoGPT's train.bin (with its val.bin and meta.pkl, if there are any), the name
    of a public data set (tinyshakespeare, fairytales, names: found in $GPTSCOPE_DATA, else downloaded once), or a
    built-in task: sort, induction, addition, two-names."""
    tokenizer: Literal["char", "bpe", "gpt2"] = "char"
    """Vocabulary of a text: its characters, byte pairs learnt from it, or GPT-2's byte pairs. A task has its own."""
    vocab_size: int = 0
    """V: the number of ids of learnt byte pairs (0: 4096), or of a task's letters (0: the task's default)."""
    init_from: str | None = None
    """First weights: anything that gptcore.load reads. The checkpoint then decides sizes, vocabulary, tying and
    activation, whatever the options say; only block_size may be chosen, smaller than the checkpoint's."""
    resume: bool = False
    """Continue from out/last.pt with the settings it was started with; options given now replace them."""
    export: Path | None = None
    """Folder into which the best model is written at the end, with a model card and its loss curve."""
    export_dtype: Literal["float32", "float16", "bfloat16"] = "float16"
    """Precision of the exported weights."""
    name: str = "a small GPT"
    """Name of the model in its card."""
    prompt: str = ""
    """First prompt that the app shows for the exported model; a task has its own example."""

    block_size: int = 0
    """T: the context length, in tokens (0: 256, the task's default, or that of init_from)."""
    n_layer: int = 6
    """L: the number of blocks."""
    n_head: int = 6
    """H: the number of attention heads in a block."""
    n_embd: int = 384
    """C: the embedding dimension."""
    dropout: float = 0.2
    """Share of activations dropped during training."""
    bias: bool = False
    """Biases in linear layers and layer norms."""
    tie_weights: bool = True
    """One matrix for the token embedding and for the logits."""
    activation: Literal["gelu", "gelu_tanh"] = "gelu"
    """Activation of the MLP: gelu is nanoGPT's, gelu_tanh is GPT-2's and minGPT's."""
    embedding_std: float = 0.02
    """Standard deviation of the first embeddings. GPT-2's 0.02 suits hundreds of dimensions. A narrow model needs 0.2:
    its layers soon outweigh smaller embeddings, and it memorises what it could look up."""

    steps: int = 5000
    """Number of optimizer steps."""
    batch_size: int = 64
    """Number of sequences in one forward pass."""
    accumulate: int = 1
    """Number of forward passes summed into one optimizer step."""
    learning_rate: float = 1e-3
    """Peak of the learning rate, reached after the warm-up."""
    min_learning_rate: float = 1e-4
    """Learning rate at the last step, the end of the cosine."""
    warmup_steps: int = 100
    """Number of steps of linear warm-up."""
    weight_decay: float = 0.1
    """Weight decay of matrices and embeddings; biases and layer norms are not decayed."""
    beta1: float = 0.9
    """AdamW's decay of the first moment."""
    beta2: float = 0.99
    """AdamW's decay of the second moment."""
    grad_clip: float = 1.0
    """Largest norm of the gradient; 0 does not clip."""

    snapshots: tuple[int, ...] = ()
    """Steps after which a snapshot is kept (weights, losses, scores of the heads), besides the last step."""
    snapshot_every: int = 0
    """Number of steps between two more snapshots, from the first weights on; 0 for none."""
    eval_interval: int = 250
    """Number of steps between two evaluations on held-out text, each followed by a save."""
    eval_windows: int = 200
    """Number of windows of block_size tokens in one evaluation, at even distances in the split."""
    log_interval: int = 10
    """Number of steps between two lines of metrics.jsonl."""
    tensorboard: bool = True
    """Log the metrics for TensorBoard, too, in out/tensorboard, if the package tensorboard is installed."""
    seed: int = 1337
    """Seed of the initial weights, the batches and the dropout."""
    device: Device = "auto"
    """Device to train on; auto is a CUDA GPU if there is one."""
    precision: Precision = "auto"
    """Precision of matrix products; auto is bfloat16 autocast if the hardware has it."""
    compile: Compile = "auto"
    """Use of torch.compile; auto is on for a CUDA GPU with Triton."""

    def __post_init__(self) -> None:
        if self.block_size == 0 and self.init_from is None:
            usual = data.DEFAULTS[self.data][0] if self.data in data.DEFAULTS else 256
            object.__setattr__(self, "block_size", usual)
        if self.snapshot_every < 0:
            raise ValueError(f"snapshot_every: must be 0 (no snapshots) or more, got {self.snapshot_every}")
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
        """Return True if a snapshot of the weights after this step is kept.

        >>> settings = Settings(out=Path("run"), steps=10, snapshots=(3,), snapshot_every=4)
        >>> [step for step in range(11) if settings.keeps_snapshot(step)]
        [0, 3, 4, 8, 10]
        """
        if not self.snapshots and not self.snapshot_every:
            return False
        regular = bool(self.snapshot_every) and step % self.snapshot_every == 0
        return regular or step in self.snapshots or step == self.steps

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON can hold them."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}

    def told(self) -> dict[str, Any]:
        """Return the settings as JSON, with `init_from` without the options that the checkpoint decides."""
        fields = self.to_dict()
        return {name: fields[name] for name in fields if self.init_from is None or name not in OF_INIT_FROM}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> Settings:
        """Return the settings of `to_dict`'s fields; ignore fields of other versions."""
        known = {field.name for field in dataclasses.fields(cls)}
        fields = {name: value for name, value in fields.items() if name in known}
        paths = {name: Path(fields[name]) for name in ("out", "export") if fields.get(name) is not None}
        steps = {"snapshots": tuple(fields.get("snapshots", ()))}
        return cls(**{**fields, **paths, **steps})


@dataclasses.dataclass(frozen=True)
class _Which:
    """The two options that decide the defaults of the others."""

    out: Path
    resume: bool = False


def parse(arguments: list[str], read_saved: Callable[[Path], Settings], restarted: bool = False) -> Settings:
    """Read settings from a command line. With --resume, options that are not given come from `read_saved(out)`.

    `restarted`: torchrun has started the job again with the same command, because a worker was lost. A training with
    the same settings is then resumed.
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
    """Return the device to train on. Of several GPUs, each process of a machine has its own, by its local rank.

    Raises:
        ValueError: "cuda" is wanted without a GPU, or there are fewer GPUs than processes.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if wanted == "cpu" or (wanted == "auto" and not there):
        return torch.device("cpu")
    if not there:
        raise ValueError("device: cuda was asked for, but PyTorch sees no CUDA GPU here; use --device auto")
    if local_rank >= there:
        raise ValueError(
            f"device: there are more processes on this machine than its {there} GPUs; start at most {there}, "
            "or use --device cpu"
        )
    return torch.device("cuda", local_rank)


def choose_precision(wanted: Precision, device: torch.device) -> torch.dtype:
    """Return the dtype of the matrix products; weights and optimizer stay float32."""
    if wanted != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[wanted]
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        capabilities = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}  # since 2.11
        fast = bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    return torch.bfloat16 if fast else torch.float32


def choose_compile(wanted: Compile, device: torch.device) -> bool:
    """Return True if the model is to be compiled."""
    if wanted != "auto":
        return wanted == "on"
    return device.type == "cuda" and importlib.util.find_spec("triton") is not None
