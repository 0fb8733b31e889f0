"""The models that all visitors share: no visitor can have them loaded anew."""

from __future__ import annotations

import pytest
import streamlit as st

from app.state import server
from app.stores.models import Wanted
from gptcore import shipped_models
from tests.browser.driver import ROOT


def test_emptied_caches_of_streamlit_leave_the_models_where_they_are() -> None:
    wanted = Wanted(shipped_models()[0])
    before = server.models().get(wanted, lambda share, what: None), server.models(), server.snapshots()
    st.cache_resource.clear()
    st.cache_data.clear()
    after = server.models().get(wanted, lambda share, what: None), server.models(), server.snapshots()
    assert all(one is other for one, other in zip(before, after, strict=True))


def test_a_page_after_emptied_caches_shows_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamlit.testing.v1 import AppTest

    monkeypatch.setattr("sys.argv", ["app/main.py", "nano-sort"])
    pages = []
    for _ in range(2):
        pages.append(AppTest.from_file(ROOT / "app" / "main.py", default_timeout=60).run())
        st.cache_resource.clear()
    first, second = (page.session_state["explorer"].checkpoint.model for page in pages)
    assert first is second
