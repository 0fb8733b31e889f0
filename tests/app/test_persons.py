"""One person is one browser, however many pages it has open; turns are dealt out by persons."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from app.state import sharing
from app.state.sharing import person_of


def cookie(token: bytes) -> str:
    """Return a cookie as Streamlit writes it: another one each time, of the same token."""
    from streamlit.web.server.starlette.starlette_app_utils import generate_xsrf_token_string

    return generate_xsrf_token_string(token)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (cookie(b"a" * 16), cookie(b"a" * 16), True),
        (cookie(b"a" * 16), cookie(b"b" * 16), False),
        (None, None, False),
        ("nonsense", "nonsense", False),
        ("2|" * 5000, "2|" * 5000, False),
        (cookie(b""), cookie(b""), False),
    ],
    ids=["equal", "another", "none", "nonsense", "long", "empty"],  # a cookie has its time in it
)
def test_the_pages_of_one_browser_are_one_person(
    one: str | None, other: str | None, same: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client(session: str) -> SimpleNamespace:
        told = {"first": one, "second": other}[session]
        return SimpleNamespace(client_context=SimpleNamespace(cookies={"_streamlit_xsrf": told} if told else {}))

    monkeypatch.setattr(sharing, "exists", lambda: True)
    monkeypatch.setattr(sharing, "get_instance", lambda: SimpleNamespace(get_client=client))
    assert (person_of("first") == person_of("second")) is same
    if not same and one in (None, "nonsense"):
        assert person_of("first") == "first"


def test_without_a_server_or_a_line_a_session_is_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "exists", lambda: False)
    assert person_of("alone") == "alone"
    monkeypatch.setattr(sharing, "exists", lambda: True)
    monkeypatch.setattr(sharing, "get_instance", lambda: SimpleNamespace(get_client=lambda session: None))
    assert person_of("alone") == "alone"
