"""Pages that say the model in words, with the numbers of one run in them. No Streamlit.

Each file tells one view of the map: a sentence for each of its nodes, in the order of computation, and the questions
that learners ask about it. Every number is read from the run or from the map; none is typed.
"""

from app.lessons.lesson import lesson
from app.lessons.run import Run
from app.lessons.sentences import Lesson, Letter, Number, Part, Question, Sentence, Token

__all__ = ["Lesson", "Letter", "Number", "Part", "Question", "Run", "Sentence", "Token", "lesson"]
