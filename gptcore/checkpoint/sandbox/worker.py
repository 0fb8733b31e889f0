"""Opens pickled PyTorch files of strangers, in a process of its own: `python -m gptcore.checkpoint.sandbox.worker`.

Each line of standard input asks for one file; a fork with limits on memory and time opens it, and writes plain
weights (safetensors) and facts (JSON) into the folder that the line names. Whatever happens to the fork, a crash
included, one line comes back. This file is never imported by who loads a model: `client.py` talks to it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import pickle
import re
import signal
import sys
import time
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor

from gptcore.checkpoint.base import CheckpointError
from gptcore.checkpoint.build import check_plain
from gptcore.checkpoint.masks import is_causal
from gptcore.checkpoint.parts import first_five
from gptcore.checkpoint.safetensors_file import MOST_TENSORS
from gptcore.checkpoint.state_names import is_mask, is_whole_mask

WRAPPERS = ("model", "state_dict", "model_state_dict")
"""Under which keys people put the state dict."""
FACTS = ("model_args", "config", "iter_num", "best_val_loss", "tokenizer")
"""What else of a checkpoint is passed on, as plain data."""
MOST_NAME = 500
FULL = 3
"""The exit status of a fork that cannot even write its answer."""
MOST_DEPTH = 8
SAVE_STATE_DICT = (
    "where the model can be run, save its state dict as nanoGPT does: "
    "torch.save({'model': model.state_dict(), 'model_args': model_args}, 'ckpt.pt')"
)
AGAIN = (
    "expected is a nanoGPT ckpt.pt, a minGPT model.pt, or a folder that gptcore.save or Hugging Face wrote: copy or "
    "download it again"
)


def extract(path: Path, out: Path) -> None:
    """Writes `model.safetensors` and `facts.json` of a pickled checkpoint into the folder `out`.

    Raises:
        CheckpointError: the file is none, is damaged, asks for code, or holds other things than weights.
    """
    zipped = _checked_zip(path)
    content = _unpickle(path, zipped)
    wrapped = content if isinstance(content, Mapping) else {}
    state = next((wrapped[key] for key in WRAPPERS if isinstance(wrapped.get(key), Mapping)), wrapped)
    if not any(isinstance(value, Tensor) for value in state.values()):
        raise CheckpointError(
            f"{path} is a PyTorch file with {_described(content)}; expected is a nanoGPT checkpoint, "
            f"a dict with 'model' (the state dict) and 'model_args', or a bare state dict; {SAVE_STATE_DICT}"
        )
    if len(state) > MOST_TENSORS or any(len(str(name)) > MOST_NAME for name in state):
        raise CheckpointError(
            f"{path} holds {len(state):,} entries or names of absurd length; no GPT's state dict does"
        )
    masks = {str(name): list(value.shape) for name, value in state.items() if is_mask(str(name)) and _is_dense(value)}
    not_causal = [str(name) for name, value in state.items() if is_whole_mask(str(name)) and not is_causal(value)]
    weights = {str(name): value for name, value in state.items() if not is_mask(str(name))}
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


def _checked_zip(path: Path) -> bool:
    """Whether the file is a zip archive, as PyTorch writes since 1.6; one whose records are not what they seem to be
    is refused. PyTorch never compresses, so nothing is unpacked, and no bomb with it; nor does it check checksums."""
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            for record in archive.infolist():
                if record.compress_type != zipfile.ZIP_STORED or record.file_size > path.stat().st_size:
                    raise CheckpointError(
                        f"{path} holds a compressed record ({first_five([record.filename])}), which PyTorch never "
                        "writes and which may unpack to any size; save the checkpoint again with torch.save"
                    )
            if any(name.endswith("/constants.pkl") for name in archive.namelist()):
                raise CheckpointError(f"{path} is a TorchScript archive; {SAVE_STATE_DICT}")
            if damaged := archive.testzip():
                raise CheckpointError(f"{path} is damaged: the checksum of {first_five([damaged])} differs; {AGAIN}")
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, RuntimeError, OSError) as error:
        if isinstance(error, CheckpointError) or (isinstance(error, OSError) and error.errno != errno.EINVAL):
            raise  # an invalid argument is a place before the beginning of the file
        raise CheckpointError(f"{path} is damaged or cut short ({type(error).__name__}); {AGAIN}") from None
    return True


def _unpickle(path: Path, zipped: bool) -> Any:
    """torch.load without running code. Its own messages advise to switch the check off, so none is passed on."""
    if re.search("[\ud800-\udfff]", str(path)):  # what Python makes of bytes that are no UTF-8
        raise CheckpointError(f"{path} has a name that is no UTF-8, which PyTorch cannot open; rename it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except OSError:
        raise
    except MemoryError:
        raise CheckpointError(f"{path} asks for far more memory than its size; it is no plain checkpoint") from None
    except Exception as error:  # of a damaged file, torch.load raises almost any
        text = str(error)
        if name := re.search(r"GLOBAL (\S{1,200})", text):
            raise CheckpointError(
                f"{path} is a pickle that asks for {name[1]!r}, which is code and not weights, so it was refused; "
                f"{SAVE_STATE_DICT}"
            ) from None
        with path.open("rb") as file:
            known = zipped or file.read(1) == pickle.PROTO
        if known and (opcode := re.search(r"Unsupported operand (\d+)", text)):
            raise CheckpointError(
                f"{path} is a pickle with the instruction {int(opcode[1]):#04x}, which weights do not need, so it was "
                f"refused: it is damaged, or made with another pickle_protocol; {SAVE_STATE_DICT}"
            ) from None
        if "memory" in text:
            raise CheckpointError(f"{path} asks for far more memory than its size; it is no plain checkpoint") from None
        kind = "damaged or cut short" if known else "no PyTorch file"
        raise CheckpointError(f"{path} is {kind} ({type(error).__name__}); {AGAIN}") from None


def _described(content: object) -> str:
    if not isinstance(content, Mapping):
        return f"a {type(content).__name__}"
    keys = [str(key)[:MOST_NAME] for key in content]
    return f"a {type(content).__name__} of {len(keys)} keys ({first_five(keys) or 'none'})"


def _is_dense(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout is torch.strided and not value.is_meta


def _without_twins(weights: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The weights without those that are the very same memory as one before, and of which one each of these is."""
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
    """The tensor in memory of its own, where it shares it with others."""
    tensor = tensor.detach()
    alone = tensor.is_contiguous() and tensor.untyped_storage().nbytes() == tensor.nbytes
    return tensor if alone else tensor.clone(memory_format=torch.contiguous_format)


def _plain(value: object, depth: int = 0) -> Any:
    """What JSON can hold of a value: numbers, strings, lists and dicts; None for all else."""
    if isinstance(value, Tensor) and value.numel() == 1 and _is_dense(value):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        return value if math.isfinite(value) else None
    if depth < MOST_DEPTH and isinstance(value, Mapping):
        return {str(key): _plain(item, depth + 1) for key, item in value.items()}
    if depth < MOST_DEPTH and isinstance(value, list | tuple):
        return [_plain(item, depth + 1) for item in value]
    return None


# ---- the process ---------------------------------------------------------------------------------------------------


def answer(request: Mapping[str, Any]) -> dict[str, str]:
    """`{}` when the file was extracted; else what the person is to be told, under "refused"."""
    path, out = Path(request["path"]), Path(request["out"])
    try:
        extract(path, out)
    except CheckpointError as error:
        return {"refused": str(error)}
    except (OSError, SafetensorError) as error:  # the second from writing: its part in Rust has errors of its own
        reason = getattr(error, "strerror", None) or error
        return {"refused": f"{path} cannot be read: {reason}; check the file, and the disk's free space"}
    except MemoryError:
        return {"refused": f"{path} asks for far more memory than its size; it is no plain checkpoint"}
    except Exception as error:  # a damaged file can make PyTorch raise any
        return {"refused": f"{path} is damaged ({type(error).__name__}); {AGAIN}"}
    return {}


def answer_in_fork(request: Mapping[str, Any]) -> dict[str, str]:
    """The same in a process that may neither grow nor run without bound, and whose crash is an answer too."""
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
            return {"refused": f"{path} could not be opened within {seconds:.0f} s; it is no plain checkpoint"}
        time.sleep(0.002)
    if status == 0:
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, str] = json.loads(Path(request["out"], "answer.json").read_text(encoding="utf-8"))
            return found
    if os.waitstatus_to_exitcode(status) == FULL:
        return {
            "refused": f"{path} needs room to be opened, but nothing can be written to {request['out']}; make room on "
            "the disk, or set TMPDIR to a folder that has some"
        }
    return {"refused": f"{path} crashes PyTorch when it is opened, so it is damaged or made to; {AGAIN}"}


def _limit(request: Mapping[str, Any]) -> None:
    """No output, a folder of its own to stand in, and bounds on memory, time and what is written."""
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
    with contextlib.suppress(OSError):  # /proc is Linux's; elsewhere the other bounds hold
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        # The mapped file, its weights once more where they must be copied, and what PyTorch needs to work.
        bounds.append((resource.RLIMIT_AS, pages * os.sysconf("SC_PAGE_SIZE") + 3 * size + 2**28))
    for kind, bound in bounds:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (bound, bound))


def main(lines: Iterable[str]) -> None:
    """Answers each line until the input ends."""
    torch.set_num_threads(1)  # a fork of a process with threads may wait for ever
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who asked
    can_fork = hasattr(os, "fork")
    for line in lines:
        request = json.loads(line)
        print(json.dumps(answer_in_fork(request) if can_fork else answer(request)), flush=True)


if __name__ == "__main__":
    main(sys.stdin)
