"""``fetch`` against a publisher that does what publishers, and networks, do."""

from __future__ import annotations

import dataclasses
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import publisher as behaviours
import pytest
from publisher import Behaviour, Publisher, publishing

from mcu_deploy.errors import DownloadError, InputError
from mcu_deploy.registry.cards import ModelCard
from mcu_deploy.registry.fetch import Report, fetch
from mcu_deploy.registry.locate import cached_path, find

STALL = 0.4


def quiet(note: Callable[[str], None] = lambda text: None) -> Report:
    return Report(note, lambda present, size: None)


def get(card: ModelCard, source: str | None = None) -> Path:
    return fetch(card, source, quiet(), STALL)


def in_cache(card: ModelCard) -> dict[str, int]:
    """Names and sizes of all files in the cache; the part is called ``part``."""
    folder = cached_path(card).parent
    files = folder.iterdir() if folder.is_dir() else []
    return {"part" if path.suffix == ".part" else path.name: path.stat().st_size for path in files}


def break_off(card: ModelCard, publisher: Publisher, content: bytes, sent: int) -> None:
    """Leaves a part of ``sent`` bytes, as a broken connection does."""
    publisher.behaviour = behaviours.breaks_off(content, sent)
    with pytest.raises(DownloadError, match=f"stopped at {sent:,} of {len(content):,} bytes"):
        get(card)
    assert in_cache(card) == {"part": sent}
    publisher.seen.clear()


@pytest.mark.parametrize(
    "behaviour", [behaviours.whole, behaviours.chunked, behaviours.endless], ids=lambda one: one.__name__
)
def test_the_file_arrives(
    behaviour: Callable[[bytes], Behaviour], card: ModelCard, publisher: Publisher, content: bytes
) -> None:
    publisher.behaviour = behaviour(content)
    seen: list[int] = []
    path = fetch(card, None, Report(lambda text: None, lambda present, size: seen.append(present)), STALL)
    assert path.read_bytes() == content
    assert in_cache(card) == {card.file: card.size}
    assert publisher.seen == [("/path/toy.tflite", None)]
    assert seen[0] == 0 and seen[-1] == card.size and seen == sorted(seen)
    assert find(card).state == "cached"


def test_what_is_there_is_not_downloaded_again(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    publisher.behaviour = behaviours.whole(content)
    assert get(card) == get(card)
    assert len(publisher.seen) == 1


def test_a_broken_download_is_gone_on_with(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    break_off(card, publisher, content, 120_000)
    publisher.behaviour = behaviours.whole(content)
    assert get(card).read_bytes() == content
    assert publisher.seen == [("/path/toy.tflite", "bytes=120000-")]
    assert in_cache(card) == {card.file: card.size}


def wrong_place(content: bytes) -> Behaviour:
    def behave(request: behaviours.Request) -> None:
        request.head(206, Content_Length=5, Content_Range=f"bytes 0-4/{len(content)}")
        request.wfile.write(content[:5])

    return behave


@pytest.mark.parametrize(
    ("answer", "requests"),
    [
        (lambda content: behaviours.whole(content, ranges=False), 1),
        (lambda content: behaviours.in_turn(behaviours.status(416), behaviours.whole(content)), 2),
        (lambda content: behaviours.in_turn(wrong_place(content), behaviours.whole(content)), 2),
    ],
    ids=["no ranges", "range refused", "another range"],
)
def test_without_ranges_all_is_downloaded_again(
    answer: Callable[[bytes], Behaviour],
    requests: int,
    card: ModelCard,
    publisher: Publisher,
    content: bytes,
) -> None:
    break_off(card, publisher, content, 120_000)
    publisher.behaviour = answer(content)
    assert get(card).read_bytes() == content
    assert len(publisher.seen) == requests


def test_a_part_of_another_file_is_discarded(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    break_off(card, publisher, bytes(len(content)), 120_000)
    publisher.behaviour = behaviours.whole(content)
    assert get(card).read_bytes() == content
    assert [wanted for _, wanted in publisher.seen] == ["bytes=120000-", None]


def test_a_whole_part_is_only_verified(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    break_off(card, publisher, content, 120_000)
    next(cached_path(card).parent.glob("*.part")).write_bytes(content)
    assert get(card).read_bytes() == content
    assert publisher.seen == []


def test_a_part_that_is_too_long_is_discarded(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    break_off(card, publisher, content, 120_000)
    next(cached_path(card).parent.glob("*.part")).write_bytes(content + b"x")
    publisher.behaviour = behaviours.whole(content)
    assert get(card).read_bytes() == content


def test_another_content_keeps_nothing(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    publisher.behaviour = behaviours.whole(content[:-1] + b"?")
    with pytest.raises(DownloadError, match="its SHA-256 is not") as caught:
        get(card)
    assert in_cache(card) == {}
    assert "--from" in caught.value.hint


def test_too_much_is_never_kept_or_read(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    publisher.behaviour = behaviours.endless(b"?" + content)
    with pytest.raises(DownloadError, match="its SHA-256 is not"):
        get(card)
    assert in_cache(card) == {}
    assert publisher.hung_up.wait(5)


@pytest.mark.parametrize("behaviour", [behaviours.whole, behaviours.chunked], ids=["announced", "chunked"])
@pytest.mark.parametrize("size", [0, 20_000])
def test_a_shorter_file_is_another_file(
    behaviour: Callable[[bytes], Behaviour],
    size: int,
    card: ModelCard,
    publisher: Publisher,
    content: bytes,
) -> None:
    publisher.behaviour = behaviour(content[:size])
    with pytest.raises(DownloadError, match=f"not the known file: it has {size:,} bytes, not 300,001"):
        get(card)
    assert set(in_cache(card).values()) <= {0}


def test_a_longer_file_is_refused_before_its_first_byte(
    card: ModelCard, publisher: Publisher, content: bytes
) -> None:
    break_off(card, publisher, content, 120_000)
    publisher.behaviour = behaviours.whole(content + bytes(50), ranges=False)
    with pytest.raises(DownloadError, match="it has 300,051 bytes"):
        get(card)
    assert in_cache(card) == {"part": 120_000}


@pytest.mark.parametrize(
    ("behaviour", "message", "kept"),
    [
        (lambda content: behaviours.hangs(content, None), "no answer in 0.4 s", 0),
        (
            lambda content: behaviours.hangs(content, 70_000),
            "stopped at 70,000 of.*no answer in 0.4 s",
            70_000,
        ),
        (behaviours.drips, "hardly any bytes for 0.4 s", None),
    ],
    ids=["silent", "stops", "drips"],
)
def test_a_server_that_hangs(
    behaviour: Callable[[bytes], Behaviour],
    message: str,
    kept: int | None,
    card: ModelCard,
    publisher: Publisher,
    content: bytes,
) -> None:
    publisher.behaviour = behaviour(content)
    since = time.monotonic()
    with pytest.raises(DownloadError, match=message):
        get(card)
    assert time.monotonic() - since < 5 * STALL
    assert cached_path(card).exists() is False
    assert kept is None or in_cache(card) == {"part": kept}


@pytest.mark.parametrize(
    ("behaviour", "message"),
    [
        (behaviours.status(404), "answered 404 Not Found"),
        (behaviours.status(503), "answered 503 Service Unavailable"),
        (behaviours.redirect("/path/toy.tflite"), "answered 302"),
        (behaviours.redirect("ftp://127.0.0.1/toy.tflite"), "ftp"),
        (behaviours.redirect("file:///etc/passwd"), "file"),
        (behaviours.raw(b"SSH-2.0-OpenSSH\r\n"), "SSH-2.0"),
        (behaviours.raw(b"HTTP/1.1 200 \x1b[31mred\r\nContent-Length: -5\r\n\r\n"), "closed the connection"),
        (behaviours.raw(b""), "closed connection"),
    ],
    ids=["moved", "overloaded", "loop", "to ftp", "to a file", "not HTTP", "odd header", "closes"],
)
def test_an_answer_that_is_no_file(
    behaviour: Behaviour, message: str, card: ModelCard, publisher: Publisher
) -> None:
    publisher.behaviour = behaviour
    with pytest.raises(DownloadError, match=message) as caught:
        get(card)
    assert caught.value.message.isprintable()
    assert "MCU_DEPLOY_MODEL_PATH" in caught.value.hint
    assert caught.value.exit_code == 1
    assert set(in_cache(card).values()) <= {0}


def test_a_redirection_is_followed(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    publisher.behaviour = behaviours.in_turn(behaviours.redirect("/else"), behaviours.whole(content))
    assert get(card).read_bytes() == content
    assert [path for path, _ in publisher.seen] == ["/path/toy.tflite", "/else"]


def test_no_server(card: ModelCard) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(DownloadError, match="Connection refused") as caught:
            get(card, url)
    assert "--from FOLDER_OR_URL" in caught.value.hint


def test_another_url(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    publisher.behaviour = behaviours.whole(content)
    get(card, publisher.url + "/mirror/")
    cached_path(card).unlink()
    get(card, publisher.url + "/mirror/renamed")
    assert [path for path, _ in publisher.seen] == ["/mirror/toy.tflite", "/mirror/renamed"]


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "file:///etc/passwd", "://x", "http\n://x", "C://x"])
def test_a_url_of_another_kind(url: str, card: ModelCard) -> None:
    with pytest.raises(InputError, match="cannot download") as caught:
        get(card, url)
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("url", ["http://", "http://[", "http://127.0.0.1:no/", "http://127.0.0.1:99999/"])
def test_a_broken_url(url: str, card: ModelCard) -> None:
    with pytest.raises((InputError, DownloadError)):
        get(card, url)


def test_a_password_in_a_url_is_not_shown(card: ModelCard, publisher: Publisher) -> None:
    notes: list[str] = []
    url = publisher.url.replace("//", "//me:secret@") + "/"
    with pytest.raises(DownloadError) as caught:
        fetch(card, url, quiet(notes.append), STALL)
    assert "secret" not in "".join(notes) + caught.value.message + caught.value.hint


def test_a_proxy_is_asked(
    card: ModelCard, publisher: Publisher, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.behaviour = behaviours.whole(content)
    monkeypatch.setenv("http_proxy", publisher.url)
    get(dataclasses.replace(card, url="http://models.invalid/toy.tflite"))
    assert publisher.seen == [("http://models.invalid/toy.tflite", None)]


def test_no_proxy_is_obeyed(
    card: ModelCard, publisher: Publisher, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    publisher.behaviour = behaviours.whole(content)
    with publishing() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(DownloadError, match="404"):
            get(card)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        get(card)
        assert len(proxy.seen) == 1


def test_an_unknown_certificate_is_refused(
    card: ModelCard, publisher: Publisher, content: bytes, tmp_path: Path
) -> None:
    publisher.behaviour = behaviours.whole(content)
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    making = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
    making += ["-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*making, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    publisher.socket = context.wrap_socket(publisher.socket, server_side=True)
    with pytest.raises(DownloadError, match=r"(?i)certificate"):
        get(dataclasses.replace(card, url=publisher.url.replace("http:", "https:")))
    assert publisher.seen == []


def test_many_at_once_download_once(card: ModelCard, publisher: Publisher, content: bytes) -> None:
    publisher.behaviour = behaviours.slowly(content, STALL / 2)
    with ThreadPoolExecutor(6) as pool:
        paths = list(pool.map(get, [card] * 6))
    assert {path.read_bytes() for path in paths} == {content}
    assert len(publisher.seen) == 1
    assert in_cache(card) == {card.file: card.size}


def test_waiting_for_another_that_makes_no_progress_ends(
    card: ModelCard, publisher: Publisher, content: bytes
) -> None:
    publisher.behaviour = behaviours.hangs(content, 1000)
    first = ThreadPoolExecutor(1).submit(fetch, card, None, quiet(), 3 * STALL)
    while not in_cache(card).get("part"):
        time.sleep(0.01)
    notes: list[str] = []
    with pytest.raises(DownloadError, match="another process holds"):
        fetch(card, None, quiet(notes.append), STALL / 2)
    assert isinstance(first.exception(), DownloadError)
    assert any("waiting" in note for note in notes)
    assert len(publisher.seen) == 1


def test_no_place_for_the_cache(card: ModelCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("MCU_DEPLOY_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match="cannot write the cache") as caught:
        get(card)
    assert "MCU_DEPLOY_CACHE_DIR" in caught.value.hint


def test_what_else_has_the_name_in_the_cache_is_replaced(
    card: ModelCard, publisher: Publisher, content: bytes
) -> None:
    cached_path(card).parent.mkdir(parents=True)
    cached_path(card).write_bytes(bytes(card.size))
    publisher.behaviour = behaviours.whole(content)
    assert get(card).read_bytes() == content


def test_from_a_folder_or_file(card: ModelCard, publisher: Publisher, content: bytes, tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / card.file).write_bytes(bytes(card.size))
    (mirror / "z other name").write_bytes(content)
    for source in (mirror, mirror / "z other name"):
        assert get(card, str(source)).read_bytes() == content
        assert in_cache(card) == {card.file: card.size}
        shutil.rmtree(cached_path(card).parent)
    assert publisher.seen == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nowhere", "does not exist"),
        (".", "holds no file with the size and SHA-256 of toy.tflite"),
        ("wrong", "is not toy.tflite: its size or SHA-256 is another"),
    ],
)
def test_from_what_has_not_the_file(source: str, message: str, card: ModelCard, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_bytes(bytes(card.size))
    with pytest.raises(InputError, match=message):
        get(card, str(tmp_path / source))
    assert in_cache(card) == {}


def test_no_url_is_known(card: ModelCard) -> None:
    with pytest.raises(InputError, match="no download is known for toy"):
        get(dataclasses.replace(card, url=None))
