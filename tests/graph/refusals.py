"""Graphs that are changed, and refused: by the checks, and by TFLM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mcu_deploy.errors import ModelError, ReferenceRunError
from mcu_deploy.graph.checks import check
from mcu_deploy.graph.ir import Graph
from mcu_deploy.graph.rules.types import OperatorRule
from mcu_deploy.graph.writer import write_model
from mcu_deploy.reference.tflm import run_reference


def refused(graph: Graph, rules: Mapping[str, OperatorRule] | None = None) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check(graph, rules)
    assert caught.value.hint
    assert len(caught.value.details) != 1
    assert all(line.isascii() and line.isprintable() for line in caught.value.details)
    return caught.value


def refusal(graph: Graph) -> str:
    """All that is said of a graph."""
    error = refused(graph)
    return " ".join((error.message, *error.details))


def tflm_refuses(graph: Graph) -> bool:
    zeros = [np.zeros(graph.tensors[i].shape, graph.tensors[i].dtype.numpy) for i in graph.inputs]
    try:
        run_reference(write_model(graph), [zeros], timeout=20)
    except ReferenceRunError:
        return True
    return False


def changed(graph: Graph, index: int, **values: Any) -> Graph:
    """The graph with another tensor ``index``."""
    tensors = list(graph.tensors)
    tensors[index] = replace(tensors[index], **values)
    return replace(graph, tensors=tuple(tensors))


def with_options(graph: Graph, index: int, **options: Any) -> Graph:
    """The graph with other options of operator ``index``."""
    operators = list(graph.operators)
    operators[index] = replace(operators[index], options={**operators[index].options, **options})
    return replace(graph, operators=tuple(operators))
