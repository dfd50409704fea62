"""The benchmarks' count of 128-bit Helium operations: what is one, and programs with known counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import beats
import numpy as np
import pytest
import toy

from mcu_deploy.boards.reader import load_board
from mcu_deploy.build import Firmware, build
from mcu_deploy.errors import McuDeployError
from mcu_deploy.simulate import qemu
from mcu_deploy.simulate.records import (
    Flags,
    PcmInput,
    Run,
    RunInput,
    RunRecord,
    StepCount,
    TensorInput,
    write_inputs,
)
from mcu_deploy.simulate.runner import find_simulator

WIDE = """
vldrb.u8 q0, [r0]
vldrb.s32 q1, [r0], #4
vldrw.u32 q2, [r1, #16]!
vldrh.u16 q3, [r0, q1]
vldrw.u32 q0, [q1, #8]
vstrb.8 q0, [r0]
vstrb.32 q0, [r0, q1]
vstrw.32 q0, [q1, #4]!
vld20.8 {q0, q1}, [r0]
vst43.32 {q4, q5, q6, q7}, [r0]!
vadd.i32 q0, q1, q2
vadd.i32 q0, q1, r2
vmov q7, q6
vmov.i32 q0, #0
vdup.8 q0, r1
vidup.u8 q0, r2, #1
vmullb.s8 q0, q1, q2
vqrdmulh.s32 q0, q1, q2
vrshl.s32 q0, r3
vshlc q0, r1, #8
vmla.s8 q0, q1, r2
vmladav.s8 r0, q1, q2
vmladava.s8 r0, q1, q2
vmlaldav.s16 r0, r1, q2, q3
vrmlaldavh.s32 r0, r1, q2, q3
vaddv.s32 r0, q1
vmaxv.s8 r0, q1
vcmp.s32 lt, q0, q1
vcmp.s8 ge, q0, r1
vpsel q0, q1, q2
vmul.f32 q0, q1, q2
vcvt.f32.s32 q0, q1
vqmovnb.s32 q0, q1
vrev64.8 q0, q1
vcadd.i8 q0, q1, q2, #90
"""
NARROW = """
vmov.u8 r0, q1[3]
vmov.32 q1[2], r0
vmov r0, r1, q2[2], q2[0]
vmov q2[3], q2[1], r0, r1
vctp.8 r0
vpnot
vmrs r0, p0
vmsr p0, r0
vadd.f32 s0, s1, s2
vldr s0, [r0]
vldr d0, [r0]
vpush {d8-d15}
vmov r0, s0
vmov d1, r0, r1
vmla.f32 s3, s4, s5
smlad r0, r1, r2, r3
ldrd r0, r1, [r2]
asrl r0, r1, #4
"""
# Blocks of predicates and loops; what is wide ends in a mark.
BLOCKS = """
vpst
vstrbt.8 q0, [r0] @ wide
vpt.s32 lt, q0, q1 @ wide
vaddt.i32 q0, q1, q2 @ wide
vpte.i8 eq, q0, r1 @ wide
vmovt q1, q2 @ wide
vmove q2, q3 @ wide
dlstp.8 lr, r0
1: vadd.i8 q0, q1, q2 @ wide
letp lr, 1b
dls lr, r0
2: vldrb.u8 q0, [r0], #16 @ wide
le lr, 2b
wls lr, r0, 3f
nop
3: nop
"""

SPIN = """
void md_model_reset(void) {
}

void md_model_invoke(md_model_observer_t observer, void *context) {
    uint32_t turns = (uint8_t)arena[0] + 1u;
    uint32_t fast = (uint8_t)arena[1] + 1u;
    uint32_t a = 0, b = 0, c = 5;
    __asm__ volatile("1: vldrb.u8 q0, [%[from]]\\n\\t"
                     "vadd.i8 q0, q0, q0\\n\\t"
                     "vmov.u8 %[a], q0[3]\\n\\t"
                     "vctp.8 %[c]\\n\\t"
                     "vpst\\n\\t"
                     "vstrbt.8 q0, [%[to]]\\n\\t"
                     "vmladav.s8 %[c], q0, q0\\n\\t"
                     "vmov %[a], %[b], q0[2], q0[0]\\n\\t"
                     "subs %[turns], #1\\n\\t"
                     "bne 1b"
                     : [turns] "+l"(turns), [a] "=&r"(a), [b] "=&r"(b), [c] "+Te"(c)
                     : [from] "r"(arena), [to] "r"(arena + 16)
                     : "cc", "memory", "q0");
    if (observer != NULL) {
        observer(context, 0, &middle);
    }
    __asm__ volatile("dls lr, %0\\n\\t"
                     "2: vadd.i32 q0, q0, q0\\n\\t"
                     "nop\\n\\t"
                     "le lr, 2b"
                     :
                     : "r"(fast)
                     : "lr", "q0");
    if (observer != NULL) {
        observer(context, 1, &md_model_outputs[0]);
    }
}
"""
TURN, FAST_TURN = beats.Stretch(10, 4), beats.Stretch(3, 1)


def assembled(source: str, folder: Path) -> list[bool]:
    """Whether each instruction is called wide."""
    (folder / "code.s").write_text(f".syntax unified\n.thumb\n{source}", encoding="utf-8")
    made = folder / "code.o"
    command = ["arm-none-eabi-gcc", "-mcpu=cortex-m55", "-mfloat-abi=hard", "-c", str(folder / "code.s")]
    subprocess.run([*command, "-o", str(made)], check=True)
    return [line.is_wide for line in beats.disassemble(made)]


@pytest.mark.usefixtures("tools")
def test_what_is_a_128_bit_operation(tmp_path: Path) -> None:
    marked = "".join(f"{line} @ wide\n" for line in WIDE.strip().splitlines())
    source = marked + NARROW.lstrip() + BLOCKS.lstrip()
    lines = source.splitlines()
    found = assembled(source, tmp_path)
    assert len(found) == len(lines)
    assert [line for line, wide in zip(lines, found, strict=True) if wide != line.endswith("@ wide")] == []


@pytest.fixture(scope="module")
def spinning(tmp_path_factory: pytest.TempPathFactory, tools: None) -> Firmware:
    """Turns two loops as often as the first two bytes of its input say, and once more."""
    board = load_board("corstone-300")
    model = toy.MODEL.partition("static volatile")[0] + SPIN
    folder = tmp_path_factory.mktemp("spinning")
    sets = toy.source_sets(board, frontend=True, model=model)
    return build(toy.write_project(folder, board, sets), "target")


def counted(
    firmware: Firmware, entry: RunInput, flags: Flags, folder: Path
) -> tuple[Run, list[beats.Stretch]]:
    board = load_board("corstone-300")
    simulator = find_simulator(board, "qemu")
    assert board.counter is not None
    folder.mkdir()
    inputs = folder / "given.bin"
    write_inputs(inputs, [entry], flags, (0,), qemu.scale(simulator, board.counter), 10**9)
    record, stretches = beats.count(firmware.executable, simulator, inputs, folder / "run")
    return record.runs[0], stretches


@pytest.mark.qemu
def test_programs_with_known_counts(spinning: Firmware, tmp_path: Path) -> None:
    found = {}
    for turns, fast in [(0, 0), (9, 0), (0, 200)]:
        entry = TensorInput(bytes([turns, fast, *range(10)]))
        run, found[turns, fast] = counted(spinning, entry, Flags.STEPS, tmp_path / f"{turns}-{fast}")
        assert [step.instructions for step in run.steps] == [
            one.instructions for one in found[turns, fast][:2]
        ]
        assert run.inference_instructions == sum(one.instructions for one in found[turns, fast])
    once = found[0, 0]
    assert [one.wide for one in once] == [TURN.wide, FAST_TURN.wide, 0]
    assert found[9, 0] == [grown(once[0], TURN, 9), *once[1:]]
    assert found[0, 200] == [once[0], grown(once[1], FAST_TURN, 200), once[2]]
    assert once[0].weighted == once[0].instructions + TURN.wide


def grown(stretch: beats.Stretch, turn: beats.Stretch, turns: int) -> beats.Stretch:
    return beats.Stretch(stretch.instructions + turns * turn.instructions, stretch.wide + turns * turn.wide)


@pytest.mark.qemu
def test_a_front_end_has_stretches_of_its_own(spinning: Firmware, tmp_path: Path) -> None:
    pcm = PcmInput(np.arange(15, dtype=np.int16))
    run, found = counted(spinning, pcm, Flags.NONE, tmp_path / "run")
    assert run.frontend_instructions > 0
    assert sum(one.instructions for one in found) == run.frontend_instructions + run.inference_instructions
    assert found[-1].instructions == run.inference_instructions


def test_counts_that_differ_are_an_error() -> None:
    run = Run((), (), (), (StepCount(0, 1, 10),), (), 0, 12, 1)
    record = RunRecord((run,), 0, 0)
    beats.compare(record, [beats.Stretch(10, 1), beats.Stretch(2, 0)])
    for wrong in ([beats.Stretch(12, 1)], [beats.Stretch(10, 1), beats.Stretch(3, 0)]):
        with pytest.raises(McuDeployError, match="instructions, the firmware under -icount 12"):
            beats.compare(record, wrong)
