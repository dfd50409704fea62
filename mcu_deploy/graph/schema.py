"""The TFLite schema, as data: what the reader and the writer both follow.

Names, order and numbers are those of ``schema.fbs`` (schema version 3). A field is written as there,
``name:type=default``; its slot is its position. ``-`` holds the slot of a field that is not used here. Tables
that describe nothing that can be deployed (control flow, hash tables, sparsity) are left out.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from mcu_deploy.graph.ir import OptionValue

FILE_IDENTIFIER = b"TFL3"
SCHEMA_VERSION = 3

Default = int | float | bool


@dataclass(frozen=True)
class Scalar:
    """A number in a flatbuffer: its ``struct`` code and, for an enumeration, the names of its values."""

    code: str
    names: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes; also the alignment."""
        return struct.calcsize("<" + self.code)


@dataclass(frozen=True)
class Field:
    """One field of a table.

    Attributes:
        name: its schema name.
        slot: its number in the vtable. A union has two: ``slot`` for the type, ``slot + 1`` for the value.
        kind: ``scalar``, ``string``, ``table``, ``union``, ``scalars`` (a vector) or ``tables`` (a vector).
        scalar: the number's type, for ``scalar`` and ``scalars``.
        target: the table's or union's name, for ``table``, ``tables`` and ``union``.
        default: the value of an absent scalar.
    """

    name: str
    slot: int
    kind: str
    scalar: Scalar | None = None
    target: str = ""
    default: Default = 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


TENSOR_TYPES = _names(
    """
    FLOAT32 FLOAT16 INT32 UINT8 INT64 STRING BOOL INT16 COMPLEX64 INT8 FLOAT64 COMPLEX128 UINT64 RESOURCE
    VARIANT UINT32 UINT16 INT4 BFLOAT16 INT2 UINT4 FLOAT8_E4M3FN FLOAT8_E5M2
    """
)

# By number; 0 to 209 without a gap.
BUILTIN_OPERATORS = _names(
    """
    ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D DEPTH_TO_SPACE DEQUANTIZE
    EMBEDDING_LOOKUP FLOOR FULLY_CONNECTED HASHTABLE_LOOKUP L2_NORMALIZATION L2_POOL_2D
    LOCAL_RESPONSE_NORMALIZATION LOGISTIC LSH_PROJECTION LSTM MAX_POOL_2D MUL RELU RELU_N1_TO_1 RELU6
    RESHAPE RESIZE_BILINEAR RNN SOFTMAX SPACE_TO_DEPTH SVDF TANH CONCAT_EMBEDDINGS SKIP_GRAM CALL CUSTOM
    EMBEDDING_LOOKUP_SPARSE PAD UNIDIRECTIONAL_SEQUENCE_RNN GATHER BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND
    TRANSPOSE MEAN SUB DIV SQUEEZE UNIDIRECTIONAL_SEQUENCE_LSTM STRIDED_SLICE BIDIRECTIONAL_SEQUENCE_RNN
    EXP TOPK_V2 SPLIT LOG_SOFTMAX DELEGATE BIDIRECTIONAL_SEQUENCE_LSTM CAST PRELU MAXIMUM ARG_MAX
    MINIMUM LESS NEG PADV2 GREATER GREATER_EQUAL LESS_EQUAL SELECT SLICE SIN TRANSPOSE_CONV
    SPARSE_TO_DENSE TILE EXPAND_DIMS EQUAL NOT_EQUAL LOG SUM SQRT RSQRT SHAPE POW ARG_MIN FAKE_QUANT
    REDUCE_PROD REDUCE_MAX PACK LOGICAL_OR ONE_HOT LOGICAL_AND LOGICAL_NOT UNPACK REDUCE_MIN FLOOR_DIV
    REDUCE_ANY SQUARE ZEROS_LIKE FILL FLOOR_MOD RANGE RESIZE_NEAREST_NEIGHBOR LEAKY_RELU
    SQUARED_DIFFERENCE MIRROR_PAD ABS SPLIT_V UNIQUE CEIL REVERSE_V2 ADD_N GATHER_ND COS WHERE RANK ELU
    REVERSE_SEQUENCE MATRIX_DIAG QUANTIZE MATRIX_SET_DIAG ROUND HARD_SWISH IF WHILE
    NON_MAX_SUPPRESSION_V4 NON_MAX_SUPPRESSION_V5 SCATTER_ND SELECT_V2 DENSIFY SEGMENT_SUM BATCH_MATMUL
    PLACEHOLDER_FOR_GREATER_OP_CODES CUMSUM CALL_ONCE BROADCAST_TO RFFT2D CONV_3D IMAG REAL COMPLEX_ABS
    HASHTABLE HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE REDUCE_ALL CONV_3D_TRANSPOSE VAR_HANDLE
    READ_VARIABLE ASSIGN_VARIABLE BROADCAST_ARGS RANDOM_STANDARD_NORMAL BUCKETIZE RANDOM_UNIFORM
    MULTINOMIAL GELU DYNAMIC_UPDATE_SLICE RELU_0_TO_1 UNSORTED_SEGMENT_PROD UNSORTED_SEGMENT_MAX
    UNSORTED_SEGMENT_SUM ATAN2 UNSORTED_SEGMENT_MIN SIGN BITCAST BITWISE_XOR RIGHT_SHIFT
    STABLEHLO_LOGISTIC STABLEHLO_ADD STABLEHLO_DIVIDE STABLEHLO_MULTIPLY STABLEHLO_MAXIMUM
    STABLEHLO_RESHAPE STABLEHLO_CLAMP STABLEHLO_CONCATENATE STABLEHLO_BROADCAST_IN_DIM
    STABLEHLO_CONVOLUTION STABLEHLO_SLICE STABLEHLO_CUSTOM_CALL STABLEHLO_REDUCE STABLEHLO_ABS
    STABLEHLO_AND STABLEHLO_COSINE STABLEHLO_EXPONENTIAL STABLEHLO_FLOOR STABLEHLO_LOG STABLEHLO_MINIMUM
    STABLEHLO_NEGATE STABLEHLO_OR STABLEHLO_POWER STABLEHLO_REMAINDER STABLEHLO_RSQRT STABLEHLO_SELECT
    STABLEHLO_SUBTRACT STABLEHLO_TANH STABLEHLO_SCATTER STABLEHLO_COMPARE STABLEHLO_CONVERT
    STABLEHLO_DYNAMIC_SLICE STABLEHLO_DYNAMIC_UPDATE_SLICE STABLEHLO_PAD STABLEHLO_IOTA
    STABLEHLO_DOT_GENERAL STABLEHLO_REDUCE_WINDOW STABLEHLO_SORT STABLEHLO_WHILE STABLEHLO_GATHER
    STABLEHLO_TRANSPOSE DILATE STABLEHLO_RNG_BIT_GENERATOR REDUCE_WINDOW STABLEHLO_COMPOSITE
    STABLEHLO_SHIFT_LEFT STABLEHLO_CBRT STABLEHLO_CASE
    """
)

# By number - 1: 0 stands for no options.
BUILTIN_OPTIONS = _names(
    """
    Conv2DOptions DepthwiseConv2DOptions ConcatEmbeddingsOptions LSHProjectionOptions Pool2DOptions
    SVDFOptions RNNOptions FullyConnectedOptions SoftmaxOptions ConcatenationOptions AddOptions
    L2NormOptions LocalResponseNormalizationOptions LSTMOptions ResizeBilinearOptions CallOptions
    ReshapeOptions SkipGramOptions SpaceToDepthOptions EmbeddingLookupSparseOptions MulOptions
    PadOptions GatherOptions BatchToSpaceNDOptions SpaceToBatchNDOptions TransposeOptions ReducerOptions
    SubOptions DivOptions SqueezeOptions SequenceRNNOptions StridedSliceOptions ExpOptions TopKV2Options
    SplitOptions LogSoftmaxOptions CastOptions DequantizeOptions MaximumMinimumOptions ArgMaxOptions
    LessOptions NegOptions PadV2Options GreaterOptions GreaterEqualOptions LessEqualOptions
    SelectOptions SliceOptions TransposeConvOptions SparseToDenseOptions TileOptions ExpandDimsOptions
    EqualOptions NotEqualOptions ShapeOptions PowOptions ArgMinOptions FakeQuantOptions PackOptions
    LogicalOrOptions OneHotOptions LogicalAndOptions LogicalNotOptions UnpackOptions FloorDivOptions
    SquareOptions ZerosLikeOptions FillOptions BidirectionalSequenceLSTMOptions
    BidirectionalSequenceRNNOptions UnidirectionalSequenceLSTMOptions FloorModOptions RangeOptions
    ResizeNearestNeighborOptions LeakyReluOptions SquaredDifferenceOptions MirrorPadOptions AbsOptions
    SplitVOptions UniqueOptions ReverseV2Options AddNOptions GatherNdOptions CosOptions WhereOptions
    RankOptions ReverseSequenceOptions MatrixDiagOptions QuantizeOptions MatrixSetDiagOptions
    HardSwishOptions IfOptions WhileOptions DepthToSpaceOptions NonMaxSuppressionV4Options
    NonMaxSuppressionV5Options ScatterNdOptions SelectV2Options DensifyOptions SegmentSumOptions
    BatchMatMulOptions CumsumOptions CallOnceOptions BroadcastToOptions Rfft2dOptions Conv3DOptions
    HashtableOptions HashtableFindOptions HashtableImportOptions HashtableSizeOptions VarHandleOptions
    ReadVariableOptions AssignVariableOptions RandomOptions BucketizeOptions GeluOptions
    DynamicUpdateSliceOptions UnsortedSegmentProdOptions UnsortedSegmentMaxOptions
    UnsortedSegmentMinOptions UnsortedSegmentSumOptions ATan2Options SignOptions BitcastOptions
    BitwiseXorOptions RightShiftOptions
    """
)

# A code above this one does not fit the schema's first, 8-bit field, which then holds this one.
PLACEHOLDER_CODE = BUILTIN_OPERATORS.index("PLACEHOLDER_FOR_GREATER_OP_CODES")

SCALARS: Mapping[str, Scalar] = {
    "bool": Scalar("?"),
    "byte": Scalar("b"),
    "ubyte": Scalar("B"),
    "int": Scalar("i"),
    "uint": Scalar("I"),
    "long": Scalar("q"),
    "ulong": Scalar("Q"),
    "float": Scalar("f"),
    "TensorType": Scalar("b", TENSOR_TYPES),
    "BuiltinOperator": Scalar("i", BUILTIN_OPERATORS),
    "Padding": Scalar("b", ("SAME", "VALID")),
    "ActivationFunctionType": Scalar("b", ("NONE", "RELU", "RELU_N1_TO_1", "RELU6", "TANH", "SIGN_BIT")),
    "FullyConnectedOptionsWeightsFormat": Scalar("b", ("DEFAULT", "SHUFFLED4x16INT8")),
    "CustomOptionsFormat": Scalar("b", ("FLEXBUFFERS",)),
}

UNIONS: Mapping[str, tuple[str, ...]] = {
    "BuiltinOptions": BUILTIN_OPTIONS,
    "QuantizationDetails": ("CustomQuantization", "BlockwiseQuantization", "MultiAxisQuantization"),
}

_FIELDS: Mapping[str, str] = {
    "Model": """version:uint operator_codes:[OperatorCode] subgraphs:[SubGraph] description:string
        buffers:[Buffer] - metadata:[Metadata]""",
    "Metadata": "name:string buffer:uint",
    "OperatorCode": """deprecated_builtin_code:byte custom_code:string version:int=1
        builtin_code:BuiltinOperator""",
    "SubGraph": "tensors:[Tensor] inputs:[int] outputs:[int] operators:[Operator] name:string",
    "Tensor": """shape:[int] type:TensorType buffer:uint name:string quantization:QuantizationParameters
        is_variable:bool sparsity:SparsityParameters shape_signature:[int] - - external_buffer:uint""",
    "QuantizationParameters": """- - scale:[float] zero_point:[long] details:QuantizationDetails
        quantized_dimension:int""",
    "Operator": """opcode_index:uint inputs:[int] outputs:[int] builtin_options:BuiltinOptions
        custom_options:[ubyte] custom_options_format:CustomOptionsFormat - intermediates:[int]
        large_custom_options_offset:ulong large_custom_options_size:ulong""",
    "Buffer": "data:[ubyte] offset:ulong size:ulong",
    "SparsityParameters": "",
    "AbsOptions": "",
    "AddOptions": "fused_activation_function:ActivationFunctionType pot_scale_int16:bool=1",
    "AssignVariableOptions": "",
    "BatchToSpaceNDOptions": "",
    "CallOnceOptions": "init_subgraph_index:int",
    "ConcatenationOptions": "axis:int fused_activation_function:ActivationFunctionType",
    "Conv2DOptions": """padding:Padding stride_w:int stride_h:int
        fused_activation_function:ActivationFunctionType dilation_w_factor:int=1 dilation_h_factor:int=1
        quantized_bias_type:TensorType""",
    "DepthwiseConv2DOptions": """padding:Padding stride_w:int stride_h:int depth_multiplier:int
        fused_activation_function:ActivationFunctionType dilation_w_factor:int=1 dilation_h_factor:int=1""",
    "DequantizeOptions": "",
    "ExpandDimsOptions": "",
    "FullyConnectedOptions": """fused_activation_function:ActivationFunctionType
        weights_format:FullyConnectedOptionsWeightsFormat keep_num_dims:bool asymmetric_quantize_inputs:bool
        quantized_bias_type:TensorType""",
    "GatherOptions": "axis:int batch_dims:int",
    "HardSwishOptions": "",
    "L2NormOptions": "fused_activation_function:ActivationFunctionType",
    "LeakyReluOptions": "alpha:float",
    "MaximumMinimumOptions": "",
    "MulOptions": "fused_activation_function:ActivationFunctionType",
    "NegOptions": "",
    "PackOptions": "values_count:int axis:int",
    "PadOptions": "",
    "PadV2Options": "",
    "Pool2DOptions": """padding:Padding stride_w:int stride_h:int filter_width:int filter_height:int
        fused_activation_function:ActivationFunctionType""",
    "QuantizeOptions": "",
    "ReadVariableOptions": "",
    "ReducerOptions": "keep_dims:bool",
    "ReshapeOptions": "new_shape:[int]",
    "ResizeBilinearOptions": "- - align_corners:bool half_pixel_centers:bool",
    "ResizeNearestNeighborOptions": "align_corners:bool half_pixel_centers:bool",
    "SVDFOptions": """rank:int fused_activation_function:ActivationFunctionType
        asymmetric_quantize_inputs:bool""",
    "SliceOptions": "",
    "SoftmaxOptions": "beta:float",
    "SpaceToBatchNDOptions": "",
    "SplitOptions": "num_splits:int",
    "SplitVOptions": "num_splits:int",
    "SquaredDifferenceOptions": "",
    "SqueezeOptions": "squeeze_dims:[int]",
    "StridedSliceOptions": """begin_mask:int end_mask:int ellipsis_mask:int new_axis_mask:int
        shrink_axis_mask:int offset:bool""",
    "SubOptions": "fused_activation_function:ActivationFunctionType pot_scale_int16:bool=1",
    "TransposeConvOptions": """padding:Padding stride_w:int stride_h:int
        fused_activation_function:ActivationFunctionType quantized_bias_type:TensorType""",
    "TransposeOptions": "",
    "UnidirectionalSequenceLSTMOptions": """fused_activation_function:ActivationFunctionType cell_clip:float
        proj_clip:float time_major:bool asymmetric_quantize_inputs:bool diagonal_recurrent_tensors:bool""",
    "UnpackOptions": "num:int axis:int",
    "VarHandleOptions": "container:string shared_name:string",
}

# The options table of each operator that has one; the others (RELU, LOGISTIC, ...) have no options.
OPERATOR_OPTIONS: Mapping[str, str] = {
    "ABS": "AbsOptions",
    "ADD": "AddOptions",
    "ASSIGN_VARIABLE": "AssignVariableOptions",
    "AVERAGE_POOL_2D": "Pool2DOptions",
    "BATCH_TO_SPACE_ND": "BatchToSpaceNDOptions",
    "CALL_ONCE": "CallOnceOptions",
    "CONCATENATION": "ConcatenationOptions",
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "DEQUANTIZE": "DequantizeOptions",
    "EXPAND_DIMS": "ExpandDimsOptions",
    "FULLY_CONNECTED": "FullyConnectedOptions",
    "GATHER": "GatherOptions",
    "HARD_SWISH": "HardSwishOptions",
    "L2_NORMALIZATION": "L2NormOptions",
    "LEAKY_RELU": "LeakyReluOptions",
    "MAXIMUM": "MaximumMinimumOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "MEAN": "ReducerOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "MUL": "MulOptions",
    "NEG": "NegOptions",
    "PACK": "PackOptions",
    "PAD": "PadOptions",
    "PADV2": "PadV2Options",
    "QUANTIZE": "QuantizeOptions",
    "READ_VARIABLE": "ReadVariableOptions",
    "REDUCE_MAX": "ReducerOptions",
    "RESHAPE": "ReshapeOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "RESIZE_NEAREST_NEIGHBOR": "ResizeNearestNeighborOptions",
    "SLICE": "SliceOptions",
    "SOFTMAX": "SoftmaxOptions",
    "SPACE_TO_BATCH_ND": "SpaceToBatchNDOptions",
    "SPLIT": "SplitOptions",
    "SPLIT_V": "SplitVOptions",
    "SQUARED_DIFFERENCE": "SquaredDifferenceOptions",
    "SQUEEZE": "SqueezeOptions",
    "STRIDED_SLICE": "StridedSliceOptions",
    "SUB": "SubOptions",
    "SUM": "ReducerOptions",
    "SVDF": "SVDFOptions",
    "TRANSPOSE": "TransposeOptions",
    "TRANSPOSE_CONV": "TransposeConvOptions",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTMOptions",
    "UNPACK": "UnpackOptions",
    "VAR_HANDLE": "VarHandleOptions",
}


def _parse_field(text: str, slot: int) -> Field:
    name, _, rest = text.partition(":")
    type_name, _, default = rest.partition("=")
    if type_name.startswith("["):
        element = type_name.strip("[]")
        if element in SCALARS:
            return Field(name, slot, "scalars", scalar=SCALARS[element])
        return Field(name, slot, "tables", target=element)
    if type_name == "string":
        return Field(name, slot, "string")
    if type_name in UNIONS:
        return Field(name, slot, "union", target=type_name)
    if type_name in _FIELDS:
        return Field(name, slot, "table", target=type_name)
    scalar = SCALARS[type_name]
    number = {"?": bool, "f": float}.get(scalar.code, int)
    return Field(name, slot, "scalar", scalar=scalar, default=number(int(default or 0)))


def _parse_table(text: str) -> Mapping[str, Field]:
    fields = {}
    slot = 0
    for item in text.split():
        if item != "-":
            field = _parse_field(item, slot)
            fields[field.name] = field
            slot += field.kind == "union"
        slot += 1
    return fields


TABLES: Mapping[str, Mapping[str, Field]] = {name: _parse_table(text) for name, text in _FIELDS.items()}


def default_option(field: Field) -> OptionValue:
    """The value that an absent option has: for an enumeration its name, for a vector ()."""
    if field.kind == "string":
        return ""
    if field.scalar is None or field.kind == "scalars":
        return ()
    return field.scalar.names[int(field.default)] if field.scalar.names else field.default


def default_options(kind: str) -> dict[str, OptionValue]:
    """All options of an operator kind at their defaults; {} where it has none."""
    table = OPERATOR_OPTIONS.get(kind)
    return {name: default_option(field) for name, field in TABLES[table].items()} if table else {}
