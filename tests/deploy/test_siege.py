"""All attacks of the siege, on processes beside nginx and on the composition: none goes through, and others go on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

pytest.importorskip("playwright", reason="needs playwright: pip install -e '.[dev]'")

from playwright.sync_api import BrowserContext

from tests.browser.driver import chromium
from tests.deploy import composed, front
from tests.deploy.front import Front
from tests.deploy.siege.besieging import run

BESIDE, UNDER_DOCKER = front.missing(), front.missing() or composed.missing()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of playwright's own event loop, at its end
]
HOW = [
    pytest.param(False, id="beside nginx", marks=pytest.mark.skipif(bool(BESIDE), reason=BESIDE or "all is there")),
    pytest.param(
        True, id="under Docker", marks=pytest.mark.skipif(bool(UNDER_DOCKER), reason=UNDER_DOCKER or "all is there")
    ),
]
SECONDS = 20
"""Longest wait of another visitor on a machine that has other work: `python -m tests.deploy.siege` holds the bound."""


@pytest.mark.parametrize("under_docker", HOW)
def test_no_attack_goes_through(under_docker: bool, launched: BrowserContext, tmp_path: Path) -> None:
    assert launched.browser is not None
    started: AbstractContextManager[Front] = (
        composed.composed(tmp_path, GPTSCOPE_UPLOAD_MB="32")
        if under_docker
        else front.front(tmp_path, GPTSCOPE_UPLOAD_MB="32")
    )
    with started as server:
        found = run(server, launched.browser)
    assert found.wrong == []
    assert len(found.done) > 100
    assert {who: found.longest(who) for who in found.keys if found.longest(who) > SECONDS} == {}
