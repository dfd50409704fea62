"""``mcu-deploy operators`` and docs/operators.md, which it writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from command import assert_refused, mcu_deploy

from mcu_deploy.graph.rules import RULES
from mcu_deploy.graph.schema import BUILTIN_OPERATORS
from mcu_deploy.graph.unsupported import WAYS_OUT
from mcu_deploy.npu.supported import NPU_KINDS

DOCUMENT = Path(__file__).parents[2] / "docs/operators.md"


def test_the_document_is_what_the_code_says(tmp_path: Path) -> None:
    result = mcu_deploy("operators", "--markdown", cwd=tmp_path)
    assert result.code == 0, result.err
    assert DOCUMENT.read_text() == result.out, "run: mcu-deploy operators --markdown > docs/operators.md"


def test_every_operator_is_there_once(tmp_path: Path) -> None:
    document = json.loads(mcu_deploy("operators", "--json", cwd=tmp_path).out)
    supported = [one["kind"] for one in document["supported"]]
    others = [one["kind"] for one in document["unsupported"]]
    assert supported == sorted(RULES)
    assert set(others) == WAYS_OUT.keys() - RULES.keys()
    assert all(one["kernels"] and one["types"] for one in document["supported"])
    assert set(supported + others) <= set(BUILTIN_OPERATORS)
    text = mcu_deploy("operators", cwd=tmp_path).out
    assert all(re.search(rf"^{kind} ", text, re.MULTILINE) for kind in supported + others)


def test_both_formats_at_once_are_refused(tmp_path: Path) -> None:
    assert_refused(mcu_deploy("operators", "--json", "--markdown", cwd=tmp_path), 2, "exclude each other")


def test_what_the_npu_takes_is_what_vela_reports(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ethosu.vela", "--supported-ops-report"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    report = (tmp_path / "SUPPORTED_OPS.md").read_text()
    table = report.split("## Ethos-U55 and Ethos-U65 TFLite Summary Table")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| ([A-Z][A-Z0-9_]*) \|", table, re.MULTILINE)) == NPU_KINDS
