"""The page's frame: settings, style, the model picker and the pages."""

from pathlib import Path

import streamlit as st

from app import components
from app.command import ask_nobody
from app.components import runtime
from app.guard import gate, uploads
from app.state import opening, reports, returning, server
from app.state.origin import origin
from app.stores.settings import SettingError
from app.views.explore import explore
from app.views.in_words import words
from app.views.lab import lab
from app.views.model_card import card
from app.views.picker import model_header, no_model
from app.views.remedies import remedies
from app.views.supposed_sizes import supposed_sizes
from app.views.training import training
from app.views.trouble import told

ask_nobody()  # also where `streamlit run` has started the server

STYLE = f"<style>{Path(__file__).with_name('page.css').read_text(encoding='utf-8')}</style>"
ICON = Path(__file__).with_name("icon.svg")


@told
def frame() -> None:
    """Draw the frame, then the page that was chosen."""
    gate.stand()
    uploads.guard()
    st.set_page_config(page_title="gptscope", page_icon=str(ICON), layout="wide")
    st.html(STYLE)
    runtime(drop=".st-key-choose button")
    first = st.Page(explore, title="Explore", icon=":material/visibility:", default=True)
    pages = [
        first,
        st.Page(lab, title="Lab", icon=":material/science:"),
        st.Page(words, title="In words", icon=":material/menu_book:"),
        st.Page(supposed_sizes, title="Sizes", icon=":material/tune:", url_path="what_if"),
        st.Page(training, title="Training", icon=":material/show_chart:"),
        st.Page(card, title="About this model", icon=":material/description:"),
    ]
    page = st.navigation(pages, position="top")
    try:
        server.limits()
    except SettingError as error:
        st.error("A setting of this server is wrong.", icon=":material/error:")
        st.text(str(error))
        return
    returning.follow(components.reconnect(key="reconnect"))
    if opening.ready(remedies):
        model_header(typed=page == first)
        place = st.container()  # before the page, so that it keeps its place
        page.run()
        with place:
            _place()
    else:
        no_model()


def _place() -> None:
    """Tell the browser where it is, once all that the page has asked for is done."""
    ack = max(reports.seq("address"), reports.seq("reconnect"))
    components.address(key="address", origin=origin(), state=returning.here(), ack=ack, note=returning.note())
