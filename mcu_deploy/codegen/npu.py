"""The NPU's driver, and its functional model, as sources of a project."""

from __future__ import annotations

from pathlib import PurePosixPath

from mcu_deploy.boards.types import Npu
from mcu_deploy.codegen.environment import environment
from mcu_deploy.codegen.project import SourceSet, template_files
from mcu_deploy.npu.target import NpuTarget
from mcu_deploy.resources import resource_dir

_DRIVER = PurePosixPath("src", "npu", "driver")
_MODEL = PurePosixPath("src", "npu", "model")
_CONFIG = PurePosixPath("generated", "npu_config.h")

# Decoded weights of one block: more makes the model faster, up to the weights of a whole operator.
MODEL_WORKSPACE_BYTES = 64 * 1024

# What a run of the model may take, in steps as md_npu_model.h counts them: far more than any stream of
# Vela's, so that only a hostile one is stopped. A product takes more than one step where its weights are
# padded, or are decoded again for each part of a block that does not fit the workspace.
_WORK_FLOOR = 10**9
_WORK_PER_MAC = 256
_MACS_WITHOUT_ESTIMATE = 10**9


def npu_sources(target: NpuTarget, npu: Npu | None) -> list[SourceSet]:
    """The sets ``npu_driver`` and, where it is linked in anywhere, ``npu_model``.

    Args:
        target: the NPU.
        npu: where the board has it.
    """
    linked = target.modelled and target.model != "off"
    config = (
        environment()
        .get_template("npu/npu_config.h.j2")
        .render(
            base=npu.base if npu else 0,
            modelled=target.modelled,
            linked=linked,
            always=target.model == "on",
            product=target.options.product.removeprefix("ethos-u"),
            macs=target.options.macs,
            workspace=MODEL_WORKSPACE_BYTES,
            work_limit=_work_limit(target),
            queue_port=2 * target.ports[0],
            region_ports=_region_ports(target.ports),
        )
    )
    driver = SourceSet(
        name="npu_driver",
        files={**_files("npu/driver"), _CONFIG: config.encode()},
        sources=tuple(path for path in sorted(_files("npu/driver")) if path.suffix == ".c"),
        include_dirs=(_DRIVER, _CONFIG.parent),
    )
    if not target.modelled:
        return [driver]
    model = SourceSet(
        name="npu_model",
        files=_files("npu/model"),
        sources=tuple(path for path in sorted(_files("npu/model")) if path.suffix == ".c"),
        include_dirs=(_MODEL,),
        only_for="" if linked else "host",
    )
    return [driver, model]


def _work_limit(target: NpuTarget) -> int:
    macs = target.estimate.macs if target.estimate else _MACS_WITHOUT_ESTIMATE
    return _WORK_FLOOR + _WORK_PER_MAC * macs


def _region_ports(ports: tuple[int, int, int]) -> int:
    """``REGIONCFG``: two counters a port, so that the constants do not wait for the arena."""
    constants, arena, fast = ports
    return (2 * constants + 1) | (2 * arena) << 2 | (2 * fast) << 4


def _files(folder: str) -> dict[PurePosixPath, bytes]:
    names = sorted(path.name for path in (resource_dir("firmware_templates") / folder).glob("*.[ch]"))
    return template_files(folder, tuple(names))
