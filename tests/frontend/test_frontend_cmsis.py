"""Getting CMSIS-DSP: what is there already, what cannot be had, and archives that must not be unpacked."""

from __future__ import annotations

import io
import tarfile

import pytest

from mcu_deploy.errors import InputError, ToolMissingError
from mcu_deploy.frontend import cmsis


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """An empty cache, and a pip that may ask no index."""
    monkeypatch.delenv("MCU_DEPLOY_CMSIS_DSP_DIR", raising=False)
    monkeypatch.setenv("MCU_DEPLOY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def make_sources(folder):
    for name in ("Include", "PrivateInclude", "Source"):
        (folder / name).mkdir(parents=True)
    (folder / "LICENSE").touch()
    return folder


def make_archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, kind, text in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(text) if kind == tarfile.REGTYPE else 0
            member.linkname = "" if kind == tarfile.REGTYPE else text
            tar.addfile(member, io.BytesIO(text.encode()) if kind == tarfile.REGTYPE else None)
    return path


def test_the_chosen_folder_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("MCU_DEPLOY_CMSIS_DSP_DIR", str(make_sources(tmp_path / "own")))
    assert cmsis.ensure_cmsis_dsp(pytest.fail) == tmp_path / "own" == cmsis.cmsis_dsp_available()


def test_a_chosen_folder_that_is_something_else(monkeypatch, tmp_path):
    monkeypatch.setenv("MCU_DEPLOY_CMSIS_DSP_DIR", str(tmp_path))
    with pytest.raises(InputError, match="not an unpacked CMSIS-DSP"):
        cmsis.ensure_cmsis_dsp(print)


def test_the_cache_is_used_without_a_download(offline):
    assert cmsis.cmsis_dsp_available() is None
    cached = make_sources(offline / "cache/cmsis-dsp" / cmsis.VERSION)
    assert cmsis.ensure_cmsis_dsp(pytest.fail) == cached == cmsis.cmsis_dsp_available()


def test_offline_is_an_error_with_a_way_out_and_leaves_nothing(offline):
    with pytest.raises(ToolMissingError, match=r"pip could not download CMSIS-DSP 1\.10\.3: ERROR") as caught:
        cmsis.ensure_cmsis_dsp(print)
    assert "MCU_DEPLOY_CMSIS_DSP_DIR" in caught.value.hint
    assert list((offline / "cache/cmsis-dsp").iterdir()) == []


def test_another_archive_of_that_name_is_refused_by_pip(offline, monkeypatch):
    (offline / "links").mkdir()
    make_archive(
        offline / f"links/cmsisdsp-{cmsis.VERSION}.tar.gz", [("cmsisdsp-1.10.3/LICENSE", tarfile.REGTYPE, "")]
    )
    monkeypatch.setenv("PIP_FIND_LINKS", str(offline / "links"))
    with pytest.raises(ToolMissingError, match="could not download") as caught:
        cmsis.ensure_cmsis_dsp(print)
    assert any("DO NOT MATCH THE HASHES" in line for line in caught.value.details)


def test_the_hash_is_checked_here_too(tmp_path):
    archive = make_archive(tmp_path / "a.tar.gz", [("cmsisdsp-1.10.3/LICENSE", tarfile.REGTYPE, "")])
    with pytest.raises(ToolMissingError, match="has the SHA-256"):
        cmsis.extract_sdist(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_cache_that_cannot_be_written(offline, monkeypatch):
    (offline / "file").touch()
    monkeypatch.setenv("MCU_DEPLOY_CACHE_DIR", str(offline / "file"))
    with pytest.raises(InputError, match="cannot write the cache") as caught:
        cmsis.ensure_cmsis_dsp(print)
    assert "MCU_DEPLOY_CACHE_DIR" in caught.value.hint


def test_only_wanted_files_are_unpacked(tmp_path):
    root, text = "cmsisdsp-1.10.3", "x"
    archive = make_archive(
        tmp_path / "a.tar.gz",
        [
            (f"{root}/LICENSE", tarfile.REGTYPE, text),
            (f"{root}/Include/dsp/a.h", tarfile.REGTYPE, text),
            (f"{root}/setup.py", tarfile.REGTYPE, text),
            (f"{root}/Source/link.c", tarfile.SYMTYPE, "/etc/passwd"),
            ("other/Source/a.c", tarfile.REGTYPE, text),
        ],
    )
    cmsis.unpack_tar(archive, tmp_path / "out")
    found = {
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert found == {f"{root}/LICENSE", f"{root}/Include/dsp/a.h"}


@pytest.mark.parametrize("path", ["../../../evil", "../../evil", "../evil"])
def test_a_path_that_leaves_its_folder_is_refused(tmp_path, path):
    archive = make_archive(tmp_path / "a.tar.gz", [("cmsisdsp-1.10.3/Source/" + path, tarfile.REGTYPE, "x")])
    with pytest.raises(ToolMissingError, match="cannot unpack"):
        cmsis.unpack_tar(archive, tmp_path / "out/deep")
    assert not list(tmp_path.rglob("evil"))


def test_a_truncated_archive_is_refused(tmp_path):
    archive = make_archive(tmp_path / "a.tar.gz", [("cmsisdsp-1.10.3/LICENSE", tarfile.REGTYPE, "x" * 9000)])
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(ToolMissingError, match="cannot unpack"):
        cmsis.unpack_tar(archive, tmp_path / "out")


def test_who_comes_second_keeps_what_is_there(tmp_path):
    first, second = make_sources(tmp_path / "first"), make_sources(tmp_path / "second")
    (first / "Source/mark").touch()
    for unpacked in (first, second):
        cmsis._move_into_place(unpacked, tmp_path / "target")
    assert (tmp_path / "target/Source/mark").exists()
