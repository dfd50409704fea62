"""What ``frontend`` commands try: a front end in other precisions, and a quantisation of its features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from mcu_deploy.frontend.parsing import parse_spec
from mcu_deploy.frontend.reference import reference_features
from mcu_deploy.frontend.spec import FrontendSpec, spec_table
from mcu_deploy.graph.reader import read_model
from mcu_deploy.pipeline.frontend_project import InputQuantisation, quantisation_of
from mcu_deploy.pipeline.frontend_signals import built_in_signals
from mcu_deploy.pipeline.generate import choose_frontend
from mcu_deploy.registry.locate import resolve_model


def variants(spec: FrontendSpec, precisions: Sequence[str], arithmetics: Sequence[str]) -> list[FrontendSpec]:
    """The front end in every combination; an empty list leaves its own.

    Raises:
        InputError: a combination contradicts the other keys.
    """
    table = spec_table(spec)
    source = Path(f"{spec.name}.toml")
    made = []
    for precision in precisions or (None,):
        for arithmetic in arithmetics or (None,):
            wanted = {"precision": precision, "arithmetic": arithmetic}
            changed = {key: value for key, value in wanted.items() if value is not None}
            made.append(parse_spec(table | changed, source) if changed else spec)
    return made


def model_quantisation(model: str, frontend: str) -> InputQuantisation:
    """That of a model's input, which the front end's features must fit.

    Raises:
        McuDeployError: there is no such model or front end, it is rejected, or they do not fit.
    """
    graph = read_model(resolve_model(model))
    choose_frontend(frontend, None, graph)
    return quantisation_of(graph)


def own_quantisation(spec: FrontendSpec) -> InputQuantisation:
    """One for a front end without a model: a power of two that holds the features of noise and a chirp."""
    exact = replace(spec, precision="float32", arithmetic="exact")
    signals = [vector.pcm for vector in built_in_signals(spec) if vector.source in ("noise", "chirp")]
    features = [reference_features(exact, pcm) for pcm in signals if pcm is not None]
    low, high = float(np.min(features)), float(np.max(features))
    scale = 2.0 ** math.ceil(math.log2(max((high - low) / 255, 2.0**-20)))
    return InputQuantisation(scale, int(np.clip(round(-128 - low / scale), -128, 127)))
