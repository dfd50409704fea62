from __future__ import annotations

from pathlib import Path

import pytest
from frontend_harness import SANITIZED, Driver, DriverBuilder

from mcu_deploy.errors import ToolMissingError
from mcu_deploy.frontend import FrontendSpec, load_spec
from mcu_deploy.frontend.cmsis import ensure_cmsis_dsp


@pytest.fixture(scope="session")
def cmsis_dir() -> Path:
    try:
        return ensure_cmsis_dsp(print)
    except ToolMissingError as error:
        pytest.skip(f"CMSIS-DSP's sources: {error.message}")


@pytest.fixture(scope="session")
def spec() -> FrontendSpec:
    return load_spec("micronet-kws")


@pytest.fixture(scope="session")
def driver(spec: FrontendSpec, cmsis_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Driver:
    """The preset's front end under AddressSanitizer and UndefinedBehaviorSanitizer."""
    return DriverBuilder(cmsis_dir, tmp_path_factory.mktemp("sanitized"), SANITIZED).build(spec)


@pytest.fixture(scope="session")
def plain_builder(cmsis_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> DriverBuilder:
    """Builds as a project does, optimised."""
    return DriverBuilder(cmsis_dir, tmp_path_factory.mktemp("plain"), ("-O2",))
