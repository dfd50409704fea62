"""What a project that uses an NPU holds besides the model: what Vela made, and how it is run."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

from mcu_deploy.errors import UsageError
from mcu_deploy.graph.ir import Graph
from mcu_deploy.npu.compiled import Compiled, read_compiled
from mcu_deploy.npu.estimate import Estimate
from mcu_deploy.npu.vela import VelaOptions, VelaResult

MODEL_USE = ("auto", "on", "off")
MODELLED = ("ethos-u55", "ethos-u65")


@dataclass(frozen=True, eq=False)
class NpuTarget:
    """An NPU in a project.

    Attributes:
        options: what Vela was told.
        model: use of the functional model in firmware: ``auto`` where no NPU answers, ``on`` always, ``off``
            never. Native builds always use it.
        ports: the memory port (0 or 1) of constants, arena and fast memory.
        made: by Vela: the file.
        messages: of Vela.
        version: of Vela.
        estimate: of Vela, if it gave one.
        compiled: ``made``, read.
    """

    options: VelaOptions
    model: str
    ports: tuple[int, int, int]
    made: bytes
    messages: str
    version: str
    estimate: Estimate | None
    compiled: Compiled

    @property
    def modelled(self) -> bool:
        """Whether there is a functional model of the product."""
        return self.options.product in MODELLED

    def identity(self) -> dict[str, Any]:
        """What a project folder remembers to tell deployments apart."""
        return {**asdict(self.options), "model": self.model, "vela": self.version}

    def state(self) -> dict[str, Any]:
        """What a project folder remembers besides ``identity``, the file and the messages."""
        return {
            "ports": list(self.ports),
            "sha256": hashlib.sha256(self.made).hexdigest(),
            "estimate": asdict(self.estimate) if self.estimate else None,
            "cpu_operators": list(self.compiled.cpu_operators),
        }


def make_target(
    options: VelaOptions, model: str, ports: tuple[int, int, int], result: VelaResult, original: Graph
) -> NpuTarget:
    """A target of a fresh run of Vela.

    Raises:
        UsageError: a model is asked for that does not exist.
        ModelError: what Vela left to the CPU cannot be deployed.
    """
    target = NpuTarget(
        options,
        model,
        ports,
        result.model,
        result.messages,
        result.version,
        result.estimate,
        read_compiled(result.model, original),
    )
    if model == "on" and not target.modelled:
        raise UsageError(f"there is no functional model of {options.product}", "leave --npu-model out")
    return target


def load_target(
    identity: dict[str, Any], state: dict[str, Any], made: bytes, messages: str, original: Graph
) -> NpuTarget:
    """A target out of a project folder.

    Raises:
        KeyError, TypeError, ValueError: the folder's data are damaged.
        McuDeployError: the file is not what Vela makes.
    """
    if hashlib.sha256(made).hexdigest() != state["sha256"]:
        raise ValueError("not the file that was generated")
    names = ("configuration", "system_config", "memory_mode", "optimise", "arena_cache")
    constants, arena, fast = map(int, state["ports"])
    return NpuTarget(
        VelaOptions(*(identity[name] for name in names)),
        str(identity["model"]),
        (constants, arena, fast),
        made,
        messages,
        str(identity["vela"]),
        Estimate(**state["estimate"]) if state["estimate"] else None,
        read_compiled(made, original),
    )
