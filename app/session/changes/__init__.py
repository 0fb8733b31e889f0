"""Changes of the run on the screen as values, as text, and as edits of gptcore. No Streamlit."""

from app.session.changes.change import LARGEST, MOST, Change, ChangeList, Other, Wish
from app.session.changes.offers import Part, changeable, cutting, parts, row_drawn, switching_off
from app.session.changes.rules import check
from app.session.changes.runs import Made, changed_names, made_of, of_other_texts, overruled
from app.session.changes.text import of_text, to_text
from app.session.changes.words import phrase, words

__all__ = [
    "LARGEST",
    "MOST",
    "Change",
    "ChangeList",
    "Made",
    "Other",
    "Part",
    "Wish",
    "changeable",
    "changed_names",
    "check",
    "cutting",
    "made_of",
    "of_other_texts",
    "of_text",
    "overruled",
    "parts",
    "phrase",
    "row_drawn",
    "switching_off",
    "to_text",
    "words",
]
