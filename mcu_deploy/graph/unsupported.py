"""What to do about operators that cannot be deployed: data, for messages and for docs/operators.md."""

from __future__ import annotations

from collections.abc import Mapping

_CONTROL_FLOW = "remove control flow from the model: export the unrolled computation of one inference"
_STATE = "pass the state as an input and an output of the model"
_AFTER = "leave it out, and compute it from the model's outputs"
_BEFORE = "compute it before inference, in the front end, and pass the result as an input"
_CONSTANT = "fix all shapes before converting, so that the converter folds it"
_LOGIC = "decide outside of the model, from its outputs"
_MOVES = "use RESHAPE and TRANSPOSE, which move the same values"

_OTHER = "replace it in the model by supported operators"

# What TFLite Micro has kernels for besides control flow; kinds that are supported here may be among them.
WAYS_OUT: Mapping[str, str] = {
    "ADD_N": "use ADD, two at a time",
    "ARG_MAX": _AFTER,
    "ARG_MIN": _AFTER,
    "ASSIGN_VARIABLE": _STATE,
    "BATCH_MATMUL": "use FULLY_CONNECTED where one factor is constant",
    "BROADCAST_ARGS": _CONSTANT,
    "BROADCAST_TO": "leave it out before ADD, SUB or MUL, which broadcast by themselves",
    "CALL_ONCE": _CONTROL_FLOW,
    "CAST": "convert to full int8, which needs no casts",
    "CEIL": _BEFORE,
    "COS": _BEFORE,
    "CUMSUM": "use FULLY_CONNECTED with a triangular matrix",
    "DEPTH_TO_SPACE": _MOVES,
    "DIV": "multiply by the reciprocal, a constant, or by RSQRT",
    "DYNAMIC_UPDATE_SLICE": _STATE,
    "EMBEDDING_LOOKUP": "use GATHER",
    "EQUAL": _LOGIC,
    "EXP": _BEFORE,
    "FILL": _CONSTANT,
    "FLOOR": _BEFORE,
    "FLOOR_DIV": _BEFORE,
    "FLOOR_MOD": _BEFORE,
    "GATHER_ND": "use GATHER or SLICE",
    "GREATER": _LOGIC,
    "GREATER_EQUAL": _LOGIC,
    "IF": _CONTROL_FLOW,
    "L2_POOL_2D": "use AVERAGE_POOL_2D",
    "LESS": _LOGIC,
    "LESS_EQUAL": _LOGIC,
    "LOG": _BEFORE,
    "LOGICAL_AND": _LOGIC,
    "LOGICAL_NOT": _LOGIC,
    "LOGICAL_OR": _LOGIC,
    "LOG_SOFTMAX": "use SOFTMAX, and take the logarithm of the model's outputs",
    "MIRROR_PAD": "use PAD, or CONCATENATION of slices",
    "NOT_EQUAL": _LOGIC,
    "READ_VARIABLE": _STATE,
    "REDUCE_ALL": _LOGIC,
    "REDUCE_MIN": "use NEG, REDUCE_MAX and NEG",
    "REVERSE_V2": "use STRIDED_SLICE with a stride of -1",
    "ROUND": _BEFORE,
    "SELECT_V2": "multiply by a mask of zeros and ones",
    "SHAPE": _CONSTANT,
    "SIN": _BEFORE,
    "SPACE_TO_DEPTH": _MOVES,
    "SQRT": "use RSQRT and MUL",
    "SQUARE": "use MUL of the tensor by itself",
    "VAR_HANDLE": _STATE,
    "WHILE": _CONTROL_FLOW,
    "ZEROS_LIKE": _CONSTANT,
}


def way_out(kind: str) -> str:
    """What to do about an operator of a kind that is not supported."""
    return WAYS_OUT.get(kind, _OTHER)
