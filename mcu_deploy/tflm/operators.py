"""Which operators TFLite Micro is told of, and by which registrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcu_deploy.errors import ModelError
from mcu_deploy.graph.ir import DataType, Graph, Operator
from mcu_deploy.graph.reader import NPU_OPERATOR
from mcu_deploy.graph.text import printable

# Methods of MicroMutableOpResolver whose names do not follow from the operator's.
_METHODS: Mapping[str, str] = {
    NPU_OPERATOR: "AddEthosU",
    "ADD_N": "AddAddN",
    "AVERAGE_POOL_2D": "AddAveragePool2D",
    "BATCH_MATMUL": "AddBatchMatMul",
    "CONV_2D": "AddConv2D",
    "CUMSUM": "AddCumSum",
    "DEPTHWISE_CONV_2D": "AddDepthwiseConv2D",
    "L2_NORMALIZATION": "AddL2Normalization",
    "L2_POOL_2D": "AddL2Pool2D",
    "MAX_POOL_2D": "AddMaxPool2D",
    "PADV2": "AddPadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "AddUnidirectionalSequenceLSTM",
}

# The others that TFLite Micro has, less those that need more than one subgraph or resource variables.
_PLAIN_NAMES = """
    ABS ADD ARG_MAX ARG_MIN BATCH_TO_SPACE_ND BROADCAST_ARGS BROADCAST_TO CAST CEIL CONCATENATION COS
    DEPTH_TO_SPACE DEQUANTIZE DIV ELU EMBEDDING_LOOKUP EQUAL EXP EXPAND_DIMS FILL FLOOR FLOOR_DIV FLOOR_MOD
    FULLY_CONNECTED GATHER GATHER_ND GREATER GREATER_EQUAL HARD_SWISH LEAKY_RELU LESS LESS_EQUAL LOG
    LOGICAL_AND LOGICAL_NOT LOGICAL_OR LOGISTIC LOG_SOFTMAX MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL
    PACK PAD PRELU QUANTIZE REDUCE_ALL REDUCE_MAX REDUCE_MIN RELU RELU6 RESHAPE RESIZE_BILINEAR
    RESIZE_NEAREST_NEIGHBOR REVERSE_V2 ROUND RSQRT SELECT_V2 SHAPE SIN SLICE SOFTMAX SPACE_TO_BATCH_ND
    SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM SVDF TANH
    TRANSPOSE TRANSPOSE_CONV UNPACK ZEROS_LIKE
"""
_PLAIN = frozenset(_PLAIN_NAMES.split())

# Those that have a registration of int8 kernels alone, ``Register_<kind>_INT8``, which is smaller; and the
# header in tensorflow/lite/micro/kernels that declares it.
_INT8: Mapping[str, str] = {
    "ADD": "add.h",
    "AVERAGE_POOL_2D": "pooling.h",
    "BATCH_MATMUL": "batch_matmul.h",
    "CONV_2D": "conv.h",
    "DEPTHWISE_CONV_2D": "depthwise_conv.h",
    "FULLY_CONNECTED": "fully_connected.h",
    "MAXIMUM": "maximum_minimum.h",
    "MAX_POOL_2D": "pooling.h",
    "MINIMUM": "maximum_minimum.h",
    "MUL": "mul.h",
    "PAD": "pad.h",
    "SOFTMAX": "softmax.h",
    "SVDF": "svdf.h",
    "TRANSPOSE": "transpose.h",
    "TRANSPOSE_CONV": "transpose_conv.h",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "unidirectional_sequence_lstm.h",
}

# What stands beside int8 operands: biases, paddings, permutations.
_BESIDE_INT8 = (DataType.INT8, DataType.INT32)


@dataclass(frozen=True)
class Registration:
    """How an operator comes into the resolver.

    Attributes:
        method: of ``MicroMutableOpResolver``.
        function: what it is given: a function of namespace ``tflite`` without arguments; "" for the default.
        header: in ``tensorflow/lite/micro/kernels``, which declares the function; "" without one.
    """

    method: str
    function: str = ""
    header: str = ""


def registrations(graph: Graph) -> tuple[Registration, ...]:
    """Exactly the operators that the graph uses, in the order of their first use.

    Args:
        graph: the model's, or that of Vela's result.

    Raises:
        ModelError: TFLite Micro lacks an operator, or needs more than the harness gives it; ``details`` has
            all of them.
    """
    kinds: dict[str, list[Operator]] = {}
    for operator in graph.operators:
        kinds.setdefault(operator.kind, []).append(operator)
    missing = [kind for kind in kinds if kind not in _METHODS and kind not in _PLAIN]
    if missing:
        raise ModelError(
            f"TFLite Micro cannot run {graph.name} here: {len(missing)} of its operators are not available",
            "use --runtime aot, or replace them in the model",
            details=tuple(f"operator {kinds[kind][0].index} {printable(kind)[1:-1]}" for kind in missing),
        )
    return tuple(_registration(graph, kind, operators) for kind, operators in kinds.items())


def _method(kind: str) -> str:
    return _METHODS.get(kind) or "Add" + "".join(word.capitalize() for word in kind.split("_"))


def _registration(graph: Graph, kind: str, operators: list[Operator]) -> Registration:
    if kind in _INT8 and all(_is_int8(graph, operator) for operator in operators):
        return Registration(_method(kind), f"Register_{kind}_INT8", _INT8[kind])
    return Registration(_method(kind))


def _is_int8(graph: Graph, operator: Operator) -> bool:
    """Whether what it computes with is int8; the state of an LSTM and of SVDF may be int16 all the same."""
    operands = [graph.tensors[index] for index in (*operator.inputs, *operator.outputs) if index >= 0]
    values = [tensor for tensor in operands if not tensor.is_variable]
    ends = [graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]) if index >= 0]
    if _keeps_state(operator.kind):
        return all(tensor.dtype is DataType.INT8 for tensor in ends)
    return all(tensor.dtype in _BESIDE_INT8 for tensor in values) and any(
        tensor.dtype is DataType.INT8 for tensor in ends
    )


def _keeps_state(kind: str) -> bool:
    """Whether an operator keeps a state from one inference to the next."""
    return kind in ("SVDF", "UNIDIRECTIONAL_SEQUENCE_LSTM")
