"""The app's visual parts: typed wrappers around Streamlit components that draw plain data and report events.

This package knows no models. Mount `runtime()` once per page run, outside fragments; then any panel, in any order.
"""

from app.components._assets import number
from app.components.alive import AliveEvent, alive
from app.components.badge import BadgeEvent, badge
from app.components.bars import BarRow, BarsEvent, bars
from app.components.change import ChangeEvent, ChangePart, change
from app.components.changes import ChangesEvent, ListedChange, changes
from app.components.code import CodeEvent, closed_code, code
from app.components.copy_code import copy_code
from app.components.explanation import CardFeed, CardOperand, CardPicture, ExplainOpen, explanation
from app.components.findings import FindingsEvent, findings
from app.components.generate import GenerateEvent, generate
from app.components.grids import Grid, GridsEvent, Listed, Mark, grids
from app.components.head_card import HeadCardEvent, head_card
from app.components.head_ranking import HeadRankingEvent, head_ranking
from app.components.head_table import TableEvent, head_table
from app.components.heads import HeadEvent, heads
from app.components.hint import hint
from app.components.history import Opened, history
from app.components.lens import LensEvent, LensRow, LensToken, lens
from app.components.lens_table import UNKNOWN, LensTableEvent, lens_table
from app.components.link import link
from app.components.live import LookEvent, Panel, live
from app.components.losses import Position, losses
from app.components.map import AddedPart, Adds, Crumb, MapEvent, MapLine, map_panel
from app.components.matrix import MOST_CELLS, Cell, ExplainEvent, Heatmap, MatrixEvent, heatmap, matrix, matrix_alone
from app.components.node import NodeEvent, node
from app.components.place import Note as PlaceNote
from app.components.place import PlaceEvent, place
from app.components.plot import PlotEvent, plot, plotly_js
from app.components.point_picture import point_picture
from app.components.prediction import Append, NextToken, PredictionEvent, prediction
from app.components.prompt import FollowEvent, Notice, PromptValue, prompt
from app.components.runtime import runtime
from app.components.save import FileKind, FileOffer, SaveEvent, save
from app.components.timeline import Story, Strongest, TimelineEvent, timeline
from app.components.token_line import TokenLineEvent, token_line
from app.components.token_marks import TokenMarksEvent, token_marks
from app.components.what_if import Measured, Preset, SizeField, WhatIfEvent, what_if
from app.components.words import WordsEvent, words

__all__ = [
    "MOST_CELLS",
    "UNKNOWN",
    "AddedPart",
    "Adds",
    "AliveEvent",
    "Append",
    "BadgeEvent",
    "BarRow",
    "BarsEvent",
    "CardFeed",
    "CardOperand",
    "CardPicture",
    "Cell",
    "ChangeEvent",
    "ChangePart",
    "ChangesEvent",
    "CodeEvent",
    "Crumb",
    "ExplainEvent",
    "ExplainOpen",
    "FileKind",
    "FileOffer",
    "FindingsEvent",
    "FollowEvent",
    "GenerateEvent",
    "Grid",
    "GridsEvent",
    "HeadCardEvent",
    "HeadEvent",
    "HeadRankingEvent",
    "Heatmap",
    "LensEvent",
    "LensRow",
    "LensTableEvent",
    "LensToken",
    "Listed",
    "ListedChange",
    "LookEvent",
    "MapEvent",
    "MapLine",
    "Mark",
    "MatrixEvent",
    "Measured",
    "NextToken",
    "NodeEvent",
    "Notice",
    "Opened",
    "Panel",
    "PlaceEvent",
    "PlaceNote",
    "PlotEvent",
    "Position",
    "PredictionEvent",
    "Preset",
    "PromptValue",
    "SaveEvent",
    "SizeField",
    "Story",
    "Strongest",
    "TableEvent",
    "TimelineEvent",
    "TokenLineEvent",
    "TokenMarksEvent",
    "WhatIfEvent",
    "WordsEvent",
    "alive",
    "badge",
    "bars",
    "change",
    "changes",
    "closed_code",
    "code",
    "copy_code",
    "explanation",
    "findings",
    "generate",
    "grids",
    "head_card",
    "head_ranking",
    "head_table",
    "heads",
    "heatmap",
    "hint",
    "history",
    "lens",
    "lens_table",
    "link",
    "live",
    "losses",
    "map_panel",
    "matrix",
    "matrix_alone",
    "node",
    "number",
    "place",
    "plot",
    "plotly_js",
    "point_picture",
    "prediction",
    "prompt",
    "runtime",
    "save",
    "timeline",
    "token_line",
    "token_marks",
    "what_if",
    "words",
]
