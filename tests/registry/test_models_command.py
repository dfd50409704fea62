"""``mcu-deploy models`` as a user runs it, and the commands that take a model's name."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import publisher as behaviours
import pytest
from publisher import Publisher

from mcu_deploy.registry.cards import card_by_name

COMMAND = (sys.executable, "-m", "mcu_deploy.cli.main")
CARD = card_by_name("audio-sound-event-1.001.000")


def run(*arguments: str, before: Callable[[], None] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, preexec_fn=before
    )


def cache() -> Path:
    return Path(os.environ["MCU_DEPLOY_CACHE_DIR"]) / "models"


def fetching(publisher: Publisher) -> tuple[str, ...]:
    return ("models", "fetch", CARD.name, "--from", publisher.url + "/", "--timeout", "3")


@pytest.fixture
def model(model_path: Callable[[str], Path]) -> bytes:
    """The card's file."""
    return model_path(CARD.file).read_bytes()


def test_list_fetch_show_inspect(publisher: Publisher, model: bytes) -> None:
    publisher.behaviour = behaviours.whole(model)
    fetched = run(*fetching(publisher))
    assert (fetched.returncode, fetched.stdout) == (0, f"{cache() / CARD.file}\n")
    assert fetched.stderr.startswith(f"downloading {CARD.name} (124,520 bytes) from {publisher.url}/")
    assert (cache() / CARD.file).read_bytes() == model
    listed = {one["name"]: one for one in json.loads(run("models", "list", "--json").stdout)}
    assert (listed[CARD.name]["state"], listed[CARD.name]["path"]) == ("cached", str(cache() / CARD.file))
    assert (listed["kws-micronet-s"]["state"], listed["kws-micronet-s"]["path"]) == ("to be fetched", None)
    shown = run("models", "show", CARD.name)
    assert f"path:          {cache() / CARD.file}" in shown.stdout
    assert "labels:        background noise, baby crying, glass breaking, gun shot" in shown.stdout
    inspected = json.loads(run("inspect", CARD.name, "--json").stdout)
    assert inspected["card"] == CARD.name
    again = run(*fetching(publisher))
    assert (again.returncode, again.stdout, len(publisher.seen)) == (0, fetched.stdout, 1)


def test_a_killed_download_is_gone_on_with(publisher: Publisher, model: bytes) -> None:
    publisher.behaviour = behaviours.in_turn(behaviours.hangs(model, 100_000), behaviours.whole(model))
    killed = start(fetching(publisher), 100_000)
    killed.kill()
    killed.communicate()
    done = run(*fetching(publisher))
    assert done.returncode == 0
    assert "going on from 100,000 bytes" in done.stderr
    assert publisher.seen[1][1] == "bytes=100000-"
    assert [path.name for path in cache().iterdir()] == [CARD.file]


def test_no_space_and_then_space(publisher: Publisher, model: bytes) -> None:
    """A bound on a file's size ends a write as a full disk does."""
    publisher.behaviour = behaviours.whole(model)
    limit = 70_000
    full = run(*fetching(publisher), before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert full.returncode == 2
    assert "error: cannot write the cache" in full.stderr and "MCU_DEPLOY_CACHE_DIR" in full.stderr
    assert [path.suffix for path in cache().iterdir()] == [".part"]
    done = run(*fetching(publisher))
    assert (done.returncode, publisher.seen[1][1]) == (0, f"bytes={limit}-")


def test_many_processes_at_once(publisher: Publisher, model: bytes) -> None:
    publisher.behaviour = behaviours.slowly(model, 1.0)
    started = [
        subprocess.Popen([*COMMAND, *fetching(publisher)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=60)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0]
    assert set(outputs) == {f"{cache() / CARD.file}\n"}
    assert len(publisher.seen) == 1


def start(arguments: tuple[str, ...], size: int) -> subprocess.Popen[str]:
    """Starts a command, and returns when its part has grown to the size."""
    process = subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for _ in range(1000):
        if cache().is_dir() and any(path.stat().st_size >= size for path in cache().iterdir()):
            return process
        time.sleep(0.01)
    process.kill()
    raise AssertionError(process.communicate())


def test_interrupted(publisher: Publisher) -> None:
    publisher.behaviour = behaviours.hangs(bytes(CARD.size), 50_000)
    process = start(fetching(publisher), 50_000)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert [path.suffix for path in cache().iterdir()] == [".part"]


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (behaviours.status(404), "answered 404 Not Found"),
        (behaviours.whole(bytes(CARD.size)), "its SHA-256 is not"),
        (behaviours.whole(b"<html>sign in</html>"), "has 20 bytes, not 124,520"),
        (behaviours.breaks_off(bytes(CARD.size), 9), "stopped at 9 of 124,520 bytes"),
    ],
    ids=["moved", "wrong hash", "another page", "closes early"],
)
def test_a_failed_download(behaviour: behaviours.Behaviour, message: str, publisher: Publisher) -> None:
    publisher.behaviour = behaviour
    done = run(*fetching(publisher))
    assert (done.returncode, done.stdout) == (1, "")
    _, error, hint = done.stderr.splitlines()
    assert error.startswith("error: ") and message in error
    assert hint.startswith("  hint: ") and "MCU_DEPLOY_MODEL_PATH" in hint
    assert not (cache() / CARD.file).exists()


def test_a_cache_that_cannot_be_written(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCU_DEPLOY_CACHE_DIR", "/sys/mcu-deploy" if os.geteuid() == 0 else "/mcu-deploy")
    done = run(*fetching(publisher))
    assert done.returncode == 2
    assert "error: cannot write the cache" in done.stderr
    assert publisher.seen == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("models", "fetch", "kws-micronet"), "did you mean kws-micronet-"),
        (("models", "show", "kws-micronet"), "did you mean kws-micronet-"),
        (("models", "fetch", "aclnet", "--from", "/nowhere"), "/nowhere does not exist"),
        (("deploy", "kws-micronet-s"), "hint: run: mcu-deploy models fetch kws-micronet-s"),
        (("generate", "kws-micronet-s"), "hint: run: mcu-deploy models fetch kws-micronet-s"),
        (("inspect", "kws-micronet-s"), "hint: run: mcu-deploy models fetch kws-micronet-s"),
        (("deploy", "kws-micronet-sm"), "did you mean kws-micronet-s"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_rejected_input(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
