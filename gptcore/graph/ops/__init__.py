"""Ops: each makes one tensor from others, and says what a cell of it reads, costs, and how it is written.

No op knows a model, a trace or a name of the map. `op.py` says what an op is; the other files hold one family each.
"""

from gptcore.graph.ops.attention import CausalMask, Concat, Scale, SplitHeads, Transpose
from gptcore.graph.ops.op import ALL, Axes, Cell, Flops, Index, Inputs, Op, Read, Rows
from gptcore.graph.ops.output import CrossEntropy, Softmax
from gptcore.graph.ops.pointwise import Add, Gelu, Given, Same
from gptcore.graph.ops.products import LayerNorm, Linear, Lookup, MatMul

__all__ = [
    "ALL",
    "Add",
    "Axes",
    "CausalMask",
    "Cell",
    "Concat",
    "CrossEntropy",
    "Flops",
    "Gelu",
    "Given",
    "Index",
    "Inputs",
    "LayerNorm",
    "Linear",
    "Lookup",
    "MatMul",
    "Op",
    "Read",
    "Rows",
    "Same",
    "Scale",
    "Softmax",
    "SplitHeads",
    "Transpose",
]
