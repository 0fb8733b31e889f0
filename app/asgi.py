"""The app as `gptscope` serves it: Streamlit runs `main.py` for each page, and before it stands the door."""

from pathlib import Path

from starlette.middleware import Middleware
from streamlit.starlette import App

from app.guard.door import Door

app = App(Path(__file__).resolve().with_name("main.py"), middleware=[Middleware(Door)])
