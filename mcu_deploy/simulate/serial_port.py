"""A session over a serial port: opening it, waiting with bounds, and telling what was waited for."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from mcu_deploy.errors import InputError, McuDeployError, SimulationError, ToolMissingError
from mcu_deploy.graph.text import printable
from mcu_deploy.simulate.process import Finished
from mcu_deploy.simulate.records import INPUTS_FILE, MAX_RECORDS_BYTES, RECORDS_FILE
from mcu_deploy.simulate.serial_frames import MAX_PAYLOAD
from mcu_deploy.simulate.serial_session import Session, image_crc

HELLO_SECONDS = 5.0

_READ_SECONDS = 0.02
_FIRST_POLL_SECONDS = 0.1
_LAST_POLL_SECONDS = 4.0
_BITS_A_BYTE = 10

Watch = Callable[[str], None]


def require() -> Any:
    """The package pyserial.

    Raises:
        ToolMissingError: it is not there.
    """
    try:
        import serial
    except ImportError:
        raise ToolMissingError(
            "a serial port needs the package pyserial", 'pip install "mcu-deploy[serial]"'
        ) from None
    return serial


def run_on_port(
    port: str, baud: int, executable: Path, run_dir: Path, timeout: float, watch: Watch | None = None
) -> Finished:
    """Gives the firmware at ``port`` the inputs in ``run_dir``, and keeps its records there.

    Args:
        port: name of the port.
        baud: that the firmware was built for.
        executable: the ELF that should be on the board.
        run_dir: has ``inputs.bin``; gets ``records.bin``.
        timeout: seconds that the board may take from one question to the next.
        watch: called with a line on how far it is.

    Raises:
        ToolMissingError: there is no pyserial.
        InputError: the port cannot be opened.
        SimulationError: the board does not answer, was reset, or runs another firmware.
        McuDeployError: the files cannot be read or written.
    """
    serial = require()
    begin = time.monotonic()
    image = firmware_image(executable)
    try:
        inputs = (run_dir / INPUTS_FILE).read_bytes()
        records = (run_dir / RECORDS_FILE).open("wb", buffering=0)
    except OSError as error:
        raise McuDeployError(f"cannot use the folder {run_dir}: {error.strerror}") from None
    number = 1 + secrets.randbelow(2**32 - 1)
    with records:
        session = Session(number, inputs, records, image, MAX_RECORDS_BYTES)
        with _open(serial, port, baud) as line:
            try:
                _converse(serial, line, session, timeout, watch or (lambda _: None))
            except serial.SerialException as error:
                raise SimulationError(
                    f"the port {port} was lost: {printable(str(error), 200)}; {session.describe()}",
                    "plug the board in again, and repeat",
                ) from None
    assert session.exit_code is not None
    return Finished(session.exit_code, time.monotonic() - begin, "", "", "")


def firmware_image(executable: Path) -> int:
    """The CRC-32 by which the firmware on the board is known.

    Raises:
        InputError: it is not the ELF of a generated project.
    """
    try:
        with executable.open("rb") as file:
            sections = [ELFFile(file).get_section_by_name(name) for name in (".text", ".model")]
            return image_crc([section.data() for section in sections if section is not None])
    except (OSError, ELFError):
        raise InputError(f"{executable} is not a firmware", "build the project again") from None


def _open(serial: Any, port: str, baud: int) -> Any:
    try:
        return serial.Serial(port, baud, timeout=_READ_SECONDS, write_timeout=1.0, exclusive=True)
    except (serial.SerialException, ValueError, OSError) as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else printable(str(error), 200)
        raise InputError(
            f"cannot open the port {printable(port, 200)}: {reason}",
            "is the board plugged in, the port free, and may you use it (on Debian: group dialout)?",
        ) from None


def _converse(serial: Any, line: Any, session: Session, timeout: float, watch: Watch) -> None:
    """Answers until the firmware has ended."""
    # A poll must not come while a question is still on its way.
    shortest = max(_FIRST_POLL_SECONDS, 3 * _BITS_A_BYTE * MAX_PAYLOAD / line.baudrate)
    pause, asked, heard = shortest, session.questions, 0
    begin = spoken = time.monotonic()
    while session.exit_code is None:
        data = line.read(max(1, line.in_waiting))
        heard += len(data)
        out = session.receive(data)
        now = time.monotonic()
        if session.questions > asked:
            asked, begin, pause = session.questions, now, shortest
            watch(session.describe())
        if now - begin > (timeout if session.started else HELLO_SECONDS):
            raise _silence(line, session, timeout, heard)
        if not out and now - spoken > pause:
            out = session.poll()
            pause = min(2 * pause, _LAST_POLL_SECONDS) if session.started else shortest
        if out:
            spoken = now
            _send(serial, line, out)


def _send(serial: Any, line: Any, data: bytes) -> None:
    """A board that takes nothing has lost it; it will be asked again."""
    try:
        line.write(data)
    except serial.SerialTimeoutException:
        line.reset_output_buffer()


def _silence(line: Any, session: Session, timeout: float, heard: int) -> SimulationError:
    """The error of having waited for too long."""
    if session.started:
        return SimulationError(
            f"the board asked nothing more for {timeout:g} s, after {session.questions} questions: "
            f"{session.describe()}",
            "it may hang; else allow more time by --timeout",
        )
    where = f"no HELLO from the firmware at {line.port} for {HELLO_SECONDS:g} s"
    if heard:
        return SimulationError(
            f"{where}: {heard} bytes came, and no whole frame",
            f"is {line.baudrate} baud what the firmware was built for, and does nothing else use the line?",
        )
    return SimulationError(
        f"{where}: nothing came",
        "is it built with --transport uart and flashed, the port right, the board reset?",
    )
