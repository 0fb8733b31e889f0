"""Shared by all tests: shapes in signatures are checked at run time, models are small and random.

Several processes share the tests, so none may take a fixed port, or a fixed place outside its own temporary folder.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

# Several processes test at once and start others: each of them, and each one that it starts, computes on one core.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ.pop(
    "PYTHONDONTWRITEBYTECODE", None
)  # nor does each of them compile the whole project, in a third of its start

import pytest
import torch
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

# Before the first import of gptcore: each call of a model's function then checks the shapes in its signature.
_hook = install_import_hook("gptcore.model", "beartype.beartype")

from gptcore import GPT, Checkpoint, GPTConfig, load, shipped_models  # noqa: E402
from tests.sharing import ByFile, place  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page
    from xdist.remote import Producer

    from gptcore import Trace

torch.set_num_threads(1)  # small models; many threads, each with a team of workers, would wait for each other

# No test may fail because the machine is slow.
settings.register_profile("busy", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take long first, and those last whose tests any process may take."""
    items.sort(key=lambda item: place(item.nodeid.partition("::")[0]))


def pytest_collection_finish() -> None:
    """Have the collector of garbage pass over what was imported and collected: half a million objects, each time."""
    gc.freeze()


def pytest_xdist_auto_num_workers() -> int:
    """Return how many processes share the tests: two for each core, as half of the time a test waits for a page."""
    return 2 * (os.cpu_count() or 1)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Share the tests by files."""
    return ByFile(config, log)


def random_model(seed: int = 0, dtype: torch.dtype = torch.float32, **sizes: object) -> GPT:
    """Make a GPT whose weights are large enough for every part to matter."""
    fields = {"block_size": 32, "vocab_size": 17, "n_layer": 3, "n_head": 2, "n_embd": 16, **sizes}
    generator = torch.Generator().manual_seed(seed)
    model = GPT(GPTConfig.from_dict(fields)).eval().to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=dtype) * 0.3)
    return model


@pytest.fixture(autouse=True, scope="session")
def no_foreign_components() -> Iterator[None]:
    """Spare each page without a browser a search through all packages for components: it took longer than the page."""
    with pytest.MonkeyPatch.context() as patch:
        if importlib.util.find_spec("streamlit"):
            patch.setattr("streamlit.components.v2.manifest_scanner.scan_component_manifests", list)
        yield


@pytest.fixture(autouse=True)
def main_module() -> Iterator[None]:
    """Remove the page that Streamlit ran as `__main__`: each process that is started later would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture(scope="session")
def shakespeare() -> Checkpoint:
    """Load the shipped model."""
    assert "shakespeare-char" in shipped_models()
    return load("shakespeare-char")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lopsided model, for the tests of a file."""
    from tests.lopsided import lopsided, write_folder

    return write_folder(tmp_path_factory.mktemp("lopsided") / "model", lopsided())


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a lopsided model with snapshots of its training, for the tests of a file."""
    from tests.lopsided import lopsided, write_folder

    return write_folder(tmp_path_factory.mktemp("trained") / "model", lopsided(), snapshots=True)


@pytest.fixture(scope="module")
def trace() -> Trace:
    """Run the lopsided model's cropped prompt, by gptcore alone."""
    from tests.lopsided import LONG, lopsided, run_of

    return run_of(lopsided(), LONG)


@pytest.fixture(scope="session")
def outside_data() -> Path:
    """Return the folder of outside data, which tests never download."""
    folder = os.environ.get("GPTSCOPE_DATA")
    if not folder:
        pytest.skip("needs outside data: set GPTSCOPE_DATA to a folder with tinyshakespeare.txt and gpt2-bpe/")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """Start a server of the app, for the tests of a process."""
    from tests.browser.driver import server

    with server("shakespeare-char") as (url, _):
        yield url


@pytest.fixture(scope="session")
def launched() -> Iterator[BrowserContext]:
    """Start Chromium, for the tests of a process."""
    from tests.browser.driver import QUICK, keeping_browser

    with keeping_browser(*QUICK) as chrome:
        yield chrome


@pytest.fixture
def page(launched: BrowserContext, address: str) -> Iterator[Page]:
    """Open the app in a new window."""
    from tests.browser.driver import open_page, put_away

    opened = open_page(launched, address)
    yield opened
    put_away(opened)


@pytest.fixture
def nothing_left(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail if a test leaves a file in the working directory, or a temporary one."""
    temporary, here = tmp_path_factory.mktemp("temporary"), tmp_path_factory.mktemp("here")
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    monkeypatch.chdir(here)
    yield
    assert os.listdir(temporary) == []
    assert os.listdir(here) == []
