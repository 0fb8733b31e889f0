"""The app as `gptscope` serves it: Streamlit runs `main.py` for each page, and before it stands the door."""

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.guard.door import Door


def shared() -> bool:
    """Return True if this server is shared; what decides it is imported with the first page, which it would hold up."""
    from app.state import server

    return server.shared()


app = App(Path(__file__).resolve().with_name("main.py"), middleware=[Middleware(Door, shared=shared)])
