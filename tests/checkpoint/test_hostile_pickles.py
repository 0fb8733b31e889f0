"""Pickles that try to run code, to run for ever or to use all memory, and the sandbox process that opens them."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from gptcore.checkpoint import load
from gptcore.checkpoint.sandbox import client, worker
from gptcore.config import GPTConfig
from gptcore.model import GPT
from tests import hostile
from tests.fuzz import Forks
from tests.hostile import call, entries, group, name, number, refused, state, storage, tensor, text

pytestmark = pytest.mark.usefixtures("nothing_left")

# --- a hundred pickles that try to run code


TARGETS = (
    *("posix.system", "nt.system", "os.system", "os.popen", "subprocess.Popen", "subprocess.check_output"),
    *("builtins.eval", "builtins.exec", "builtins.__import__", "builtins.getattr", "builtins.open", "builtins.print"),
    *("torch.load", "torch.hub.load", "torch.jit.load", "torch.serialization.load", "torch.ops.load_library"),
    *("pickle.loads", "importlib.import_module", "runpy.run_path", "shutil.rmtree", "pathlib.Path.touch"),
    *("functools.partial", "operator.methodcaller", "ctypes.CDLL", "pty.spawn", "webbrowser.open", "code.interact"),
    *("torch.utils.cpp_extension.load", "numpy.load", "__main__.x", "<b>.x"),
)


def calls(target: str, canary: str) -> Iterator[bytes]:
    """Yield each way in which a pickle may call or make something."""
    module, _, last = target.rpartition(".")
    argument = text(f"touch {canary}")
    yield call(target, argument)
    yield name(target) + group(argument) + b"\x81"
    yield name(target) + b")\x81" + entries({"a": argument}) + b"b"
    yield b"(" + argument + f"i{module}\n{last}\n".encode()
    yield b"(" + name(target) + argument + b"o"
    yield text(module) + text(last) + b"\x93" + group(argument) + b"R"
    yield group(text("storage"), name(target), text("0"), text("cpu"), number(4)) + b"Q"
    yield f"P{target} {canary}\n".encode()
    yield call("collections.OrderedDict") + entries({"__reduce__": name(target)}) + b"b"
    yield call("torch._utils._rebuild_parameter_with_state", b"N", b"\x89", b"}", entries({"x": name(target)}))


def test_a_hundred_hostile_pickles_run_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    containers = (hostile.write_bare, hostile.write_legacy, hostile.write_zip)
    nestings: tuple[Callable[[bytes], bytes], ...] = (
        lambda value: value,
        state,
        lambda value: entries({"model": entries({"a": number(1)}), "config": value}),
        lambda value: entries({"model": entries({}), "optimizer": group(number(1), value)}),
    )
    ways = [(target, way) for target in TARGETS for way in calls(target, str(canary))]
    chosen = ways[::3] + [(target, way) for target, way in ways if target == "posix.system"]
    count = itertools.count()
    for (target, way), i in zip(chosen, count, strict=False):
        write, nest = containers[i % 3], nestings[i // 3 % 4]
        write(tmp_path / "a.pt", nest(way))
        line = refused(tmp_path / "a.pt", "a.pt")
        if name(target) in way:
            assert f"asks for {target.removeprefix('builtins.')!r}, which is code and not weights, so it was" in line
    assert next(count) > 100
    assert os.listdir(tmp_path) == ["a.pt"]


ALLOWED = {
    "bytes without end": call("builtins.bytearray", number(10**12)),
    "a storage without end": call("torch.storage.UntypedStorage", number(10**12)),
    "a tensor without end": call("torch.FloatTensor", number(10**12)),
    "no memory at all": call("torch._utils._rebuild_meta_tensor_no_storage", name("torch.float32"), b"N", b"N", b"N"),
    "the wrong arguments": call("torch._utils._rebuild_tensor_v2", *[number(-1)] * 6),
    "no arguments": call("torch._utils._rebuild_sparse_tensor"),
    "a type as a function": name("torch.float32") + group() + b"R",
    "a device that is none": call("torch.device", text("cuda:99999999999")),
    "another's storage": group(text("storage"), name("torch.FloatStorage"), text("../../x"), text("cpu"), number(4))
    + b"Q",
    "a storage of another place": storage(place="file:///etc/passwd"),
    "an id that is a number": number(0) + b"Q",
    "a codec": call("_codecs.encode", text("x"), text("zlib")),
    "a nested tensor": call("torch._utils._rebuild_nested_tensor", tensor(), tensor(), tensor(), tensor()),
    "a numpy array": call(
        "torch._utils._rebuild_device_tensor_from_numpy", tensor(), name("torch.float32"), text("cpu"), b"\x89"
    ),
    "an odd parameter": call(
        "torch._utils._rebuild_parameter_with_state",
        tensor(),
        b"\x89",
        b"}",
        entries({"numel": number(0), "nbytes": b"N"}),
    ),
    "a dict that shadows its methods": call("collections.OrderedDict")
    + entries({"items": name("builtins.set")})
    + b"b",
    "a list in a list in a list": b"]" * 50_000 + b"a" * 49_999,
    "ten to the tenth power": b"]q\x00"
    + b"".join(b"](" + 10 * bytes([104, k]) + b"eq" + bytes([k + 1]) for k in range(10)),
    "a memo of the largest index": b"Nr\xff\xff\xff\xff",
    "a value that is not there": b"h\x07",
    "marks": b"(" * 50_000,
    "a list as a key": b"}]Ns",
}


@pytest.mark.parametrize("value", ALLOWED.values(), ids=ALLOWED)
def test_absurd_arguments_for_what_weights_need(tmp_path: Path, value: bytes) -> None:
    for i, content in enumerate((value, state(value), state(tensor(), config=value))):
        hostile.write_zip(tmp_path / f"{i}.pt", content)
        refused(tmp_path / f"{i}.pt", r"expected is|so it was refused|far more memory|should be a tensor|no matrix")


# --- limits of time and memory


SLOW = b"}(" + b"".join(number(i * (2**61 - 1)) + b"N" for i in range(1, 40_000)) + b"u"
"""Dict of 470 kB whose keys all have the same hash: reading it takes a minute."""
LARGE = group(
    text("x" * 2**20) + b"q\x00",
    *(call("_codecs.encode", b"h\x00", text("utf-32")) for _ in range(200)),
)
"""A string of a megabyte, and two hundred times its four megabytes in another encoding."""


def test_time_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client.SECONDS <= 6  # 10 s together with the start of the process
    load_undamaged(tmp_path)
    monkeypatch.setattr(client, "SECONDS", 1.0)
    hostile.write_zip(tmp_path / "a.pt", SLOW)
    start = time.perf_counter()
    refused(tmp_path / "a.pt", "could not be opened within 1 s; expected is a nanoGPT ckpt.pt")
    assert 1 <= time.perf_counter() - start < 30  # much less than the minute that it takes, even on a busy machine
    load_undamaged(tmp_path)


def test_memory_is_bounded(tmp_path: Path) -> None:
    load_undamaged(tmp_path)
    with Forks() as forks:
        for write in (hostile.write_zip, hostile.write_legacy):
            write(tmp_path / "a.pt", LARGE)
            refused(tmp_path / "a.pt", "asks for far more memory than its size; expected is a nanoGPT ckpt.pt")
        grown = forks.growth()
    assert grown < 3 * (tmp_path / "a.pt").stat().st_size / 1e6 + 300
    # It did grow, and an undamaged file's fork does not (0 MB). Far more would be wrong to ask: a fork maps few of the
    # libraries' pages that its parent counts, 80 MB of them or 140, and has to make up for those first.
    assert grown > 20 or sys.platform != "linux"
    load_undamaged(tmp_path)


def test_settings_are_bounded(tmp_path: Path) -> None:
    """One string ten thousand times: small in the pickle, large as plain data."""
    many = b"](" + text("x" * 1000) + b"q\x00" + b"h\x00" * 10_000 + b"e"
    hostile.write_zip(tmp_path / "a.pt", state(tensor(), config=entries({"a": many})))
    assert (tmp_path / "a.pt").stat().st_size < 50_000
    refused(tmp_path / "a.pt", "holds far more than weights and settings, so it is not a plain checkpoint; save")


# --- the sandbox process


def load_undamaged(folder: Path) -> None:
    """Fail unless an undamaged file loads with its own weights."""
    config = GPTConfig(block_size=8, vocab_size=5, n_layer=1, n_head=1, n_embd=random.randrange(4, 40))
    path = folder / "good.pt"
    torch.save({"model": GPT(config).state_dict(), "model_args": config.to_dict()}, path)
    assert load(path).config == config
    path.unlink()


def running(group: int) -> list[str]:
    """Return the running processes of a group, as the system lists them."""
    found = []
    for process in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            status = process.read_text().rpartition(")")[2].split()
            if int(status[2]) == group and status[0] != "Z":
                found.append(f"{process} {status}")
    return found


def opener_process() -> int:
    process = client._opener._process
    assert process is not None
    return process.pid


def wait_until(true: Callable[[], object]) -> None:
    """Fail unless the condition becomes true in time."""
    end = time.perf_counter() + 60
    while not true():
        assert time.perf_counter() < end
        time.sleep(0.02)


def test_it_is_killed_between_two_files(tmp_path: Path) -> None:
    load_undamaged(tmp_path)
    os.kill(process := opener_process(), signal.SIGKILL)
    wait_until(lambda: not running(process))
    load_undamaged(tmp_path)


def test_it_is_killed_while_it_opens_a_file(tmp_path: Path) -> None:
    load_undamaged(tmp_path)
    hostile.write_zip(tmp_path / "a.pt", SLOW)
    process = opener_process()
    threading.Timer(0.5, os.kill, (process, signal.SIGKILL)).start()
    refused(tmp_path / "a.pt", "could not be opened: the process that opens checkpoints ended; try again")
    wait_until(lambda: not running(process))  # its fork ends with it
    load_undamaged(tmp_path)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Have SIGINT raise: a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_ends_the_load_and_all_its_processes(tmp_path: Path, interruptible: None) -> None:
    load_undamaged(tmp_path)
    hostile.write_zip(tmp_path / "a.pt", SLOW)
    process = opener_process()
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        load(tmp_path / "a.pt")
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)  # it is not a zombie, either
    wait_until(lambda: not running(process))
    load_undamaged(tmp_path)  # this load does not get the late answer to the file before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork_of_this_process_opens_files_by_itself(tmp_path: Path) -> None:
    load_undamaged(tmp_path)
    process = opener_process()
    child = os.fork()
    if not child:
        status = 1
        try:
            load_undamaged(tmp_path)
            status = int(opener_process() == process)
            client._opener.close()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    load_undamaged(tmp_path)
    assert opener_process() == process  # the fork has not ended this process's sandbox


def test_eight_threads_load_at_once(tmp_path: Path) -> None:
    def one(i: int) -> str:
        (folder := tmp_path / str(i)).mkdir()
        for j in range(4):
            if (i + j) % 2:
                load_undamaged(folder)
            else:
                hostile.write_zip(folder / "a.pt", call("posix.system", text(str(i))))
                assert str(folder) in refused(folder / "a.pt", "asks for 'posix.system'")
        return "done"

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(8))) == ["done"] * 8


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_crash_is_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "extract", lambda path, out: os.kill(os.getpid(), signal.SIGKILL))
    (tmp_path / "a.pt").write_bytes(b"x")
    answer = worker.answer_in_fork({"path": str(tmp_path / "a.pt"), "out": str(tmp_path), "seconds": 5})
    assert "a.pt crashes PyTorch when it is opened, so it is damaged or malicious; expected is" in answer["refused"]


@pytest.mark.parametrize(
    "error",
    [OSError(28, "No space left on device"), SafetensorError("I/O error: No space left on device (os error 28)")],
)
def test_no_room_for_the_weights_of_a_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def full(path: Path, out: Path) -> None:
        raise error

    monkeypatch.setattr(worker, "extract", full)
    answer = worker.answer({"path": "a.pt", "out": str(tmp_path)})
    assert re.search(
        "a.pt cannot be read: .*No space left on device.*; check .* the disk's free space", answer["refused"]
    )


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_no_room_even_for_an_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(worker, "_limit", lambda request: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
    (tmp_path / "a.pt").write_bytes(b"x")
    answer = worker.answer_in_fork({"path": str(tmp_path / "a.pt"), "out": str(tmp_path), "seconds": 5})
    assert "a.pt needs disk space to be opened, but nothing can be written to" in answer["refused"]
    assert "make room on the disk, or set TMPDIR to a folder that has some" in answer["refused"]


def test_no_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.pt").write_bytes(b"x")
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
        refused(tmp_path / "a.pt", "a.pt needs a temporary folder to be opened, and none can be made .*; make room on")
