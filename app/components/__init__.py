"""The app's visual parts: typed wrappers around Streamlit components that draw plain data and report events.

This package knows no models. Mount `runtime()` once per page run, outside fragments; then any panel, in any order.
"""

from app.components._assets import number
from app.components.address import AddressEvent, address
from app.components.address import Note as AddressNote
from app.components.bars import BarRow, BarsEvent, bars
from app.components.change_form import ChangeFormEvent, ChangePart, change_form
from app.components.changes import ChangesEvent, ListedChange, changes
from app.components.code import CodeEvent, closed_code, code
from app.components.copy_code import copy_code
from app.components.copy_link import copy_link
from app.components.explanation import CardFeed, CardOperand, CardPicture, ExplainOpen, explanation
from app.components.explore_panels import LookEvent, Panel, explore_panels
from app.components.findings import FindingsEvent, findings
from app.components.first_look import first_look
from app.components.generate import GenerateEvent, generate
from app.components.grids import Grid, GridsEvent, Listed, Mark, grids
from app.components.head_card import HeadCardEvent, head_card
from app.components.head_ranking import HeadRankingEvent, head_ranking
from app.components.head_table import TableEvent, head_table
from app.components.head_tooltip import head_tooltip
from app.components.heads import HeadEvent, heads
from app.components.in_words import InWordsEvent, in_words
from app.components.lens import LensEvent, LensRow, LensToken, lens
from app.components.lens_table import UNKNOWN, LensTableEvent, lens_table
from app.components.losses import Position, losses
from app.components.map import AddedPart, Adds, Crumb, MapEvent, MapLine, map_panel
from app.components.matrix import MOST_CELLS, Cell, ExplainEvent, Heatmap, MatrixEvent, heatmap, matrix, matrix_alone
from app.components.node import NodeEvent, node
from app.components.parity_badge import ParityBadgeEvent, parity_badge
from app.components.plot import PlotEvent, plot, plotly_js
from app.components.prediction import Append, NextToken, PredictionEvent, prediction
from app.components.prompt import FollowEvent, Notice, PromptValue, prompt
from app.components.reconnect import ReconnectEvent, reconnect
from app.components.runtime import runtime
from app.components.save import FileKind, FileOffer, SaveEvent, save
from app.components.supposed_sizes import Measured, Preset, SizeField, SupposedSizesEvent, supposed_sizes
from app.components.timeline import Story, Strongest, TimelineEvent, timeline
from app.components.token_line import TokenLineEvent, token_line
from app.components.token_marks import TokenMarksEvent, token_marks
from app.components.training_curves import Opened, training_curves

__all__ = [
    "MOST_CELLS",
    "UNKNOWN",
    "AddedPart",
    "AddressEvent",
    "AddressNote",
    "Adds",
    "Append",
    "BarRow",
    "BarsEvent",
    "CardFeed",
    "CardOperand",
    "CardPicture",
    "Cell",
    "ChangeFormEvent",
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
    "InWordsEvent",
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
    "ParityBadgeEvent",
    "PlotEvent",
    "Position",
    "PredictionEvent",
    "Preset",
    "PromptValue",
    "ReconnectEvent",
    "SaveEvent",
    "SizeField",
    "Story",
    "Strongest",
    "SupposedSizesEvent",
    "TableEvent",
    "TimelineEvent",
    "TokenLineEvent",
    "TokenMarksEvent",
    "address",
    "bars",
    "change_form",
    "changes",
    "closed_code",
    "code",
    "copy_code",
    "copy_link",
    "explanation",
    "explore_panels",
    "findings",
    "first_look",
    "generate",
    "grids",
    "head_card",
    "head_ranking",
    "head_table",
    "head_tooltip",
    "heads",
    "heatmap",
    "in_words",
    "lens",
    "lens_table",
    "losses",
    "map_panel",
    "matrix",
    "matrix_alone",
    "node",
    "number",
    "parity_badge",
    "plot",
    "plotly_js",
    "prediction",
    "prompt",
    "reconnect",
    "runtime",
    "save",
    "supposed_sizes",
    "timeline",
    "token_line",
    "token_marks",
    "training_curves",
]
