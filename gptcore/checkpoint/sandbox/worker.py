"""The sandbox process that opens untrusted pickled PyTorch files: `python -m gptcore.checkpoint.sandbox.worker`.

Each line of standard input asks for one file. A fork with limits on memory and time opens the file and writes plain
weights (safetensors) and facts (JSON) into the folder that the line names. Whatever happens to the fork, a crash
included, the worker answers one line. The loading process never imports this file: `client.py` talks to it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeGuard

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.build import check_plain
from gptcore.checkpoint.masks import is_causal
from gptcore.checkpoint.parts import SETTINGS, first_five
from gptcore.checkpoint.safetensors_file import MOST_TENSORS
from gptcore.checkpoint.sandbox.reading import AGAIN, SAVE_STATE_DICT, SHARDED, read_untrusted
from gptcore.checkpoint.state_names import is_mask, is_whole_mask
from gptcore.pickle_stand_ins import Array, Inert

WRAPPERS = ("model", "state_dict", "model_state_dict", "model_state", "module", "state", "weights", "params", "net")
"""Keys under which people store the state dict."""
FACTS = (*SETTINGS, "iter_num", "step", "global_step", "best_val_loss", "val_loss", "tokenizer")
"""Keys of a checkpoint whose values are passed on, as plain data."""
MOST_NAME = 500
FULL = 3
"""Exit status of a fork that cannot even write its answer."""
MOST_DEPTH = 8


def extract(path: Path, out: Path) -> None:
    """Write `model.safetensors` and `facts.json` of a pickled checkpoint into the folder `out`.

    Raises:
        CheckpointError: the file is not a checkpoint, is damaged, asks for code, or holds no weights.
    """
    content = read_untrusted(path)
    wrapped = content if isinstance(content, Mapping) else {}
    state = _state_dict(wrapped)
    if not any(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(
            f"{path} is a PyTorch file with {_described(content)}; expected is a nanoGPT checkpoint, "
            f"a dict with 'model' (the state dict) and 'model_args', or a bare state dict; {SAVE_STATE_DICT}"
        )
    if len(state) > MOST_TENSORS or any(len(str(name)) > MOST_NAME for name in state):
        raise CheckpointError(
            f"{path} holds {len(state):,} entries, or names of more than {MOST_NAME} characters; a GPT's state dict "
            f"has at most {MOST_TENSORS:,}: load another file"
        )
    state = {name: _whole(path, str(name), value) for name, value in state.items()}
    masks = {str(name): list(value.shape) for name, value in state.items() if is_mask(str(name)) and _is_dense(value)}
    not_causal = [str(name) for name, value in state.items() if is_whole_mask(str(name)) and not is_causal(value)]
    weights = {str(name): value for name, value in state.items() if not (is_mask(str(name)) or _is_count(value))}
    check_plain(weights)
    unique, same = _without_twins(weights)
    total = sum(tensor.nbytes for tensor in unique.values())
    if total > 2 * path.stat().st_size + 2**20:
        raise CheckpointError(f"the weights of {path} claim {total:,} bytes, far more than the file has; {AGAIN}")
    save_file({name: _alone(tensor) for name, tensor in unique.items()}, out / "model.safetensors")
    facts = {
        "optimizer": wrapped.get("optimizer") is not None,
        "names": [str(name) for name in state],
        "same": same,
        "masks": masks,
        "not_causal": not_causal,
        **{name: _plain(wrapped[name]) for name in FACTS if state is not wrapped and name in wrapped},
    }
    (out / "facts.json").write_text(json.dumps(facts), encoding="utf-8")


def _state_dict(content: Mapping[str, Any], depth: int = 2) -> Mapping[str, Any]:
    """Return the state dict in a checkpoint: what lies under one of the usual keys, or the whole."""
    inner = (content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)) if depth else ()
    return next((_state_dict(each, depth - 1) for each in inner), content)


def _whole(path: Path, name: str, value: Any) -> Any:
    """Return a distributed tensor as a plain one, where all of it is here."""
    if type(value).__name__ != "DTensor":
        return value
    here = value.to_local()
    if here.shape != value.shape:
        placed = ", ".join(map(str, value.placements))
        raise CheckpointError(
            f"{path} holds {first_five([name])} as a distributed tensor (DTensor, {placed}) of the shape "
            f"{tuple(value.shape)}, of which {tuple(here.shape)} is here: {SHARDED}"
        )
    return here


def _is_count(value: object) -> bool:
    """Return True for what is counted beside the weights: the averaged models, the batches seen."""
    return _is_dense(value) and value.numel() == 1 and value.dtype in (torch.int64, torch.int32)


def _described(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    keys = [str(key)[:MOST_NAME] for key in content]
    return f"a {type(content).__name__} of {len(keys)} keys ({first_five(keys) or 'none'})"


def _is_dense(value: object) -> TypeGuard[Tensor]:
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_meta


def _without_twins(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Return the weights without those that share all memory with an earlier one, and duplicate -> earlier name."""
    unique: dict[str, Tensor] = {}
    same: dict[str, str] = {}
    seen: dict[tuple[Any, ...], str] = {}
    for name, tensor in weights.items():
        place = (tensor.data_ptr(), tensor.dtype, tuple(tensor.shape), tensor.stride())
        if tensor.numel() and place in seen:
            same[name] = seen[place]
        else:
            seen[place] = name
            unique[name] = tensor
    return unique, same


def _alone(tensor: Tensor) -> Tensor:
    """Return the tensor; if it shares memory with others, a copy in its own memory."""
    tensor = tensor.detach()
    alone = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if alone else tensor.clone(memory_format=torch.contiguous_format)


def _plain(value: object, depth: int = 0) -> Any:
    """Return the part of a value that JSON can hold: numbers, strings, lists and dicts; None for anything else."""
    if isinstance(value, Tensor) and value.numel() == 1 and _is_dense(value):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if isinstance(value, Inert):
        value = value.fields
    if isinstance(value, Array):
        value = value.numbers
    if depth < MOST_DEPTH and isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < MOST_DEPTH and isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return None


# ---- the process ---------------------------------------------------------------------------------------------------


def answer(request: Mapping[str, Any]) -> dict[str, str]:
    """Extract the file of one request. Return {} on success, else the sentence for the user under "refused"."""
    path, out = Path(request["path"]), Path(request["out"])
    try:
        extract(path, out)
    except CheckpointError as error:
        return {"refused": str(error)}
    except (OSError, SafetensorError) as error:  # SafetensorError: the Rust part's error for a full disk
        reason = getattr(error, "strerror", None) or error
        return {"refused": f"{path} cannot be read: {reason}; check the file, and the disk's free space"}
    except MemoryError:
        return {"refused": f"{path} asks for far more memory than its size; {AGAIN}"}
    except Exception as error:  # for a damaged file, PyTorch raises almost any kind
        return {"refused": f"{path} is damaged ({type(error).__name__}); {AGAIN}"}
    return {}


def answer_in_fork(request: Mapping[str, Any]) -> dict[str, str]:
    """Answer in a fork with limits on memory and time. A crash of the fork becomes a refusal."""
    child = os.fork()
    if not child:
        status = 1
        try:
            _limit(request)
            Path(request["out"], "answer.json").write_text(json.dumps(answer(request)), encoding="utf-8")
            status = 0
        except OSError:
            status = FULL
        finally:
            os._exit(status)
    path, seconds = request["path"], float(request["seconds"])
    deadline = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return {"refused": f"{path} could not be opened within {seconds:.0f} s; {AGAIN}"}
        time.sleep(0.002)
    if status == 0:
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, str] = json.loads(Path(request["out"], "answer.json").read_text(encoding="utf-8"))
            return found
    if os.waitstatus_to_exitcode(status) == FULL:
        return {
            "refused": f"{path} needs disk space to be opened, but nothing can be written to {request['out']}; make "
            "room on the disk, or set TMPDIR to a folder that has some"
        }
    return {"refused": f"{path} crashes PyTorch when it is opened, so it is damaged or malicious; {AGAIN}"}


def _limit(request: Mapping[str, Any]) -> None:
    """Silence this process, move it to the output folder, and limit its memory, its time and its written files."""
    import resource

    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.chdir(request["out"])
    size = Path(request["path"]).stat().st_size
    bounds = [
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(float(request["seconds"]))),
        (resource.RLIMIT_FSIZE, 2 * size + 2**24),
    ]
    with contextlib.suppress(OSError):  # only Linux has /proc; elsewhere the other limits hold
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        # The mapped file, a second copy of its weights if they must be copied, and PyTorch's own needs.
        bounds.append((resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + 3 * size + 2**28))
    for kind, bound in bounds:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (bound, bound))


def main(lines: Iterable[str]) -> None:
    """Answer each line until the input ends."""
    torch.set_num_threads(1)  # a fork of a process with threads may hang
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for the parent process
    can_fork = hasattr(os, "fork")
    for line in lines:
        request = json.loads(line)
        print(json.dumps(answer_in_fork(request) if can_fork else answer(request)), flush=True)


if __name__ == "__main__":
    main(sys.stdin)
