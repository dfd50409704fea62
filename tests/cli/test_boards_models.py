"""Real models on every board that QEMU simulates, besides the default one: keywords from audio; anomalies."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import mcu_deploy

from mcu_deploy.boards.reader import board_names, load_board
from mcu_deploy.registry.cards import card_by_name
from mcu_deploy.registry.locate import locate

pytestmark = pytest.mark.qemu

BOARDS = [name for name in board_names() if load_board(name).simulators[0].name == "qemu"]
RECORDINGS = sorted((Path(__file__).parents[2] / "models" / "kws_demo" / "recordings").glob("*.wav"))


@pytest.mark.parametrize("model", ["kws-demo", "ad-micronet-s"])
@pytest.mark.parametrize("board", [name for name in BOARDS if name != "corstone-300"])
def test_keywords_and_anomalies(board: str, model: str, tools: None, tmp_path: Path) -> None:
    card = card_by_name(model)
    path = locate(card)
    if path is None:
        pytest.skip(f"{card.file} is not on this computer")
    inputs = ("--input", RECORDINGS[0]) if model == "kws-demo" else ()
    options = ("--board", board, "--output-dir", tmp_path / "p", *inputs, "--random", 1, "--json")
    result = mcu_deploy("deploy", path, *options)
    assert result.code == 0, result.err
    document = result.document
    assert document["verdict"] == "verified"
    counts = [run["simulated_instructions"] for run in document["runs"]]
    assert all(count["inference"] > document["model"]["macs"] for count in counts)
    assert (counts[0]["frontend"] is not None) == (model == "kws-demo")
    again = mcu_deploy("deploy", path, *options).document["runs"]
    assert [run["simulated_instructions"] for run in again] == counts
