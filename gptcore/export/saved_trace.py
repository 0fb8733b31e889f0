"""A trace that was written to a file, read back: the same names, axes and numbers, without the model."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor

from gptcore.config import ConfigError, GPTConfig
from gptcore.export.metadata import PROGRAM, VERSION
from gptcore.export.target import Place
from gptcore.graph.architecture import Architecture, architecture
from gptcore.graph.near_names import near_names
from gptcore.graph.ops import Axes

FLOATS = ("F64", "F32", "F16", "BF16")
LAYER = re.compile(r"(transformer\.h\.)(0|[1-9][0-9]{0,5})(\..*)?", re.DOTALL)
"""The name of a tensor of a block."""
_REMEDY = "write it again with gptcore.export.trace"


class SavedTrace(Mapping[str, Tensor]):
    """A run that was written by `gptcore.export.trace`, as a mapping from names to tensors. Made by `load_trace`.

    It is read from the file when it is asked for, a copy each time. A file that is replaced meanwhile leaves it as it
    was.

    Attributes:
        config: the model's sizes.
        B, T: how many sequences, and their length.
        labels: the tokens as people read them, B times T; None where the file does not tell.
        edits: the edits of the run, as texts.
    """

    def __init__(
        self, file: Any, config: GPTConfig, shapes: dict[str, tuple[Axes, tuple[int, ...]]], tokens: dict[str, Any],
        edits: tuple[str, ...],
    ) -> None:  # fmt: skip
        """Keep what `load_trace` has checked; nobody else makes one."""
        self.config, self.edits = config, edits
        labels = tokens.get("labels")
        self.labels: tuple[tuple[str, ...], ...] | None = None if labels is None else tuple(map(tuple, labels))
        self._file, self._shapes = file, shapes
        outside = _one_block(config)
        self._tokens, self._logits = outside.named("tokens"), outside.named("logits")
        self.B, self.T = shapes[self._tokens][1]

    @property
    def ids(self) -> Tensor:
        """The token ids, (B, T) int64."""
        return self[self._tokens]

    @property
    def logits(self) -> Tensor:
        """The scores of every next token at every position, (B, T, V)."""
        return self[self._logits]

    def axes(self, name: str) -> Axes:
        """Return the symbolic axes of a tensor, such as ("B", "H", "T", "T")."""
        return self._shapes[self._known(name)][0]

    def shapes(self) -> dict[str, tuple[Axes, tuple[int, ...]]]:
        """Return each name's symbolic axes and its shape, without reading anything."""
        return dict(self._shapes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._shapes)

    def __len__(self) -> int:
        return len(self._shapes)

    def __contains__(self, name: object) -> bool:
        return name in self._shapes

    __eq__ = object.__eq__  # like a trace, it is itself
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        edits = f", {len(self.edits)} edits" if self.edits else ""
        return f"SavedTrace(B={self.B}, T={self.T}, {len(self)} tensors{edits})"

    def __getitem__(self, name: str) -> Tensor:
        """Return the whole tensor, a copy. A KeyError lists near names."""
        return self._file.get_tensor(self._known(name))

    def rows(self, name: str, start: int, stop: int) -> Tensor:
        """Return positions `start` to `stop` of a tensor's first T axis. Read no others.

        Raises:
            KeyError: no such name in this file.
            IndexError: positions outside 0 to T.
        """
        axis = self.axes(name).index("T")
        if not 0 <= start < stop <= self.T:
            raise IndexError(f"positions must satisfy 0 <= start < stop <= {self.T}, got {start} to {stop}")
        return self._file.get_slice(name)[(*[slice(None)] * axis, slice(start, stop))]

    def _known(self, name: str) -> str:
        if name not in self._shapes:
            near = near_names(name, self._shapes)
            hint = f"; near it: {', '.join(near)}" if near else "; keys() lists them"
            raise KeyError(f"no tensor {name!r} in this file{hint}")
        return name


def load_trace(path: Place) -> SavedTrace:
    """Return a trace that `gptcore.export.trace` wrote. Of a file of a stranger nothing is run.

    Raises:
        ValueError: there is no such file; it is no safetensors file, no trace, or one whose parts contradict each
            other.

    >>> load_trace("nowhere.safetensors")
    Traceback (most recent call last):
    ValueError: nowhere.safetensors is no file; give the path of one that gptcore.export.trace wrote
    """
    path = Path(path).expanduser()
    try:
        if not path.is_file():
            raise ValueError(f"{path} is no file; give the path of one that gptcore.export.trace wrote")
        # "pread" copies: tensors mapped from the file would change if it were written again in place
        file: Any = safe_open(path, framework="pt", backend="pread")
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path} must be a safetensors file, and cannot be read as one ({error}); {_REMEDY}") from None
    texts = file.metadata() or {}
    found = tuple(texts.get(key) for key in ("program", "kind", "version"))
    if found != (PROGRAM, "trace", VERSION):
        raise ValueError(
            f"{path} must be a trace: program, kind and version in its metadata {(PROGRAM, 'trace', VERSION)}, got "
            f"{found}; safetensors.safe_open reads other files"
        )
    try:
        return _checked(file, {key: _json(texts, key) for key in ("names", "axes", "config", "tokens", "edits")})
    except ValueError as error:
        raise ValueError(f"{path} is not a trace as it was written: {error}; {_REMEDY}") from None


def _json(texts: Mapping[str, str], key: str) -> Any:
    if key not in texts:
        raise ValueError(f"its metadata must hold {key!r}, got {', '.join(sorted(texts))}")
    try:
        return json.loads(texts[key])
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{key!r} in its metadata must be JSON ({error})") from None


def _checked(file: Any, told: Mapping[str, Any]) -> SavedTrace:
    """Return the trace if all that the file tells fits together."""
    names, edits = told["names"], told["edits"]
    if not _is_list(names, str) or len({*names}) < len(names) or {*names} != {*file.keys()}:
        raise ValueError("'names' must list the tensors of the file, each once")
    if not _is_list(edits, str):
        raise ValueError("'edits' must be a list of texts")
    if not isinstance(told["config"], dict):
        raise ValueError(f"'config' must be an object, got {type(told['config']).__name__}")
    try:
        config = GPTConfig.from_dict(told["config"])
    except ConfigError as error:
        raise ValueError(f"'config' does not describe a GPT ({error})") from None
    outside = _one_block(config)
    tokens = outside.named("tokens")
    if tokens not in names:
        raise ValueError(f"it must hold the token ids, {tokens!r}")
    B, T = _checked_ids(file, tokens, config, told["tokens"])
    sizes, axes = outside.shapes(B=B, T=T), {}
    for name in names:
        known = _in_first_block(name, config)
        if known not in sizes:
            raise ValueError(f"it holds {name[:200]!r}, which no GPT of its config has")
        axes[name] = outside.nodes[known].axes
        entry = file.get_slice(name)
        got, dtype = tuple(entry.get_shape()), entry.get_dtype()
        if got != sizes[known] or dtype not in (("I64",) if name == tokens else FLOATS):
            raise ValueError(f"{name} must have the shape {sizes[known]} and numbers, got {got} of type {dtype}")
    if told["axes"] != {name: list(letters) for name, letters in axes.items()}:
        raise ValueError("'axes' must give each tensor the axes that it has in the map")
    shapes = {name: (axes[name], sizes[_in_first_block(name, config)]) for name in names}
    return SavedTrace(file, config, shapes, told["tokens"], tuple(edits))


def _checked_ids(file: Any, name: str, config: GPTConfig, told: Any) -> tuple[int, int]:
    """Return B and T if the token ids are of the vocabulary, and the metadata tells the same ones."""
    entry = file.get_slice(name)
    shape, dtype = tuple(entry.get_shape()), entry.get_dtype()
    if dtype != "I64" or len(shape) != 2 or not shape[0] or not 1 <= shape[1] <= config.block_size:
        wanted = f"(B, T) int64 with T from 1 to {config.block_size}"
        raise ValueError(f"its token ids must be {wanted}, got {shape} of type {dtype}")
    ids = file.get_tensor(name)
    if ids.min() < 0 or ids.max() >= config.vocab_size:
        raise ValueError(
            f"its token ids must be from 0 to {config.vocab_size - 1}, got {int(ids.min())} to {int(ids.max())}"
        )
    if not isinstance(told, dict) or told.get("ids") != ids.tolist():
        raise ValueError(f"'tokens' must tell the ids that {name!r} holds")
    labels = told.get("labels")
    if labels is not None:
        rows = labels if isinstance(labels, list) else []
        if len(rows) != shape[0] or not all(_is_list(row, str) and len(row) == shape[1] for row in rows):
            raise ValueError(f"the labels of its tokens must be {shape[0]} lists of {shape[1]} texts")
    return int(shape[0]), int(shape[1])


def _is_list(value: object, of: type) -> bool:
    return isinstance(value, list) and all(isinstance(each, of) for each in value)


def _one_block(config: GPTConfig) -> Architecture:
    """Return the map with one block, which tells all of them apart from their number: a stranger's may be huge."""
    return architecture(dataclasses.replace(config, n_layer=1))


def _in_first_block(name: str, config: GPTConfig) -> str:
    """Return a tensor's name with its layer, if the config has it, replaced by 0."""
    found = LAYER.fullmatch(name)
    if not found or int(found[2]) >= config.n_layer:
        return name if not found else ""
    return f"{found[1]}0{found[3] or ''}"
