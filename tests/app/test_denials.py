"""Attacks of one visitor on a real server, small: each is refused in a sentence and takes no memory from others."""

from __future__ import annotations

import pytest

from app.state import server
from app.stores.settings import KEY_SECONDS
from tests.app.stranger import finished
from tests.benchmarks.denials import ATTACKS, GROWTH, Attack, measured

SIZE = {"a prompt of 10 MB": 0.3, "400,000 tokens in the vocabulary, their logits by a click": 0.2}
SMALL = 0.1
SELDOM = {"a context of 60,000, a prompt of 16,000 tokens"}
"""A prompt of 10 MB is too long as well."""
REFUSED = [
    pytest.param(each, id=each.what[:20], marks=pytest.mark.slow if each.what in SELDOM else ())
    for each in ATTACKS
    if each.refused
]


@pytest.mark.parametrize("attack", REFUSED)
def test_what_would_take_the_server_from_all_is_refused(attack: Attack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(server.SHARED, "1")
    monkeypatch.setenv(KEY_SECONDS.name, "0.05")
    found = finished(measured(attack, SIZE.get(attack.what, SMALL)))
    assert "this server" in found.told
    assert found.growth <= GROWTH
