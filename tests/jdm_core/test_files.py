"""Files that are whole or not there, with several writers at once, after a killed one, and on a full disk."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from jdm_core import files
from jdm_core.files import read_file, replace_file

KILLED = """
import os, signal, sys
from pathlib import Path
from jdm_core.files import replace_file
def write(partial):
    partial.write_text("half a")
    os.kill(os.getpid(), signal.SIGKILL)
replace_file(Path(sys.argv[1]), write)
"""


@pytest.fixture(params=["locks", "no locks"])
def locks(request, monkeypatch):
    """Each test with locks and on a system without."""
    if request.param == "no locks":
        monkeypatch.setattr(files, "fcntl", None)


def write_at_once(path: Path, texts: list[str]) -> None:
    """As many writers of one path as there are texts, each of which waits within for all others."""
    together, failed = threading.Barrier(len(texts)), []

    def writer(text: str) -> None:
        def write(partial: Path) -> None:
            partial.write_text(text)
            together.wait(20)

        try:
            replace_file(path, write)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=writer, args=[text]) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_writers_of_one_path_do_not_meet(tmp_path, locks):
    write_at_once(tmp_path / "a.json", [str(number) * 1000 for number in range(8)])
    (left,) = tmp_path.iterdir()
    text = left.read_text()
    assert left.name == "a.json" and len(text) == 1000 and len(set(text)) == 1


def test_writers_that_end_and_begin_at_once_do_not_meet(tmp_path):
    def writer() -> None:
        for number in range(150):
            replace_file(tmp_path / "a.txt", lambda partial, number=number: partial.write_text(f"{number}" * 50))

    failed = []
    threading.excepthook, before = lambda facts: failed.append(facts), threading.excepthook
    threads = [threading.Thread(target=writer) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threading.excepthook = before
    assert failed == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_what_a_killed_writer_left_goes_with_the_next(tmp_path):
    path = tmp_path / "a.txt"
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", KILLED, str(path)], cwd=Path(__file__).parents[2], check=False)
        assert done.returncode == -signal.SIGKILL and not path.exists()
    assert len(list(tmp_path.iterdir())) == 1
    replace_file(path, lambda partial: partial.write_text("whole"))
    assert [(left.name, left.read_text()) for left in tmp_path.iterdir()] == [("a.txt", "whole")]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_earlier_versions_left_is_in_nobodys_way(tmp_path, kind):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "kept").touch()
    partial = tmp_path / ".a.txt.partial"
    partial.write_text("half") if kind == "file" else partial.symlink_to(tmp_path / "other")
    replace_file(tmp_path / "a.txt", lambda partial: partial.write_text("whole"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.txt", "other"]
    assert (tmp_path / "other" / "kept").exists()


def test_a_writer_that_fails_leaves_what_was_there(tmp_path, locks):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def write(partial: Path) -> None:
        partial.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replace_file(path, write)
    assert [(left.name, left.read_text()) for left in tmp_path.iterdir()] == [("a.txt", "before")]


def test_files_are_as_readable_as_others(tmp_path, locks):
    (tmp_path / "plain").touch()
    replace_file(tmp_path / "a.txt", lambda partial: partial.write_text("whole"))
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_writer_that_replaces_its_file_itself_is_fine(tmp_path, locks):
    replace_file(tmp_path / "a.safetensors", lambda partial: save_file({"a": torch.ones(3)}, partial))
    assert torch.equal(load_file(tmp_path / "a.safetensors")["a"], torch.ones(3))
    assert len(list(tmp_path.iterdir())) == 1


def test_only_regular_files_that_are_small_enough_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_file(tmp_path / "a", 5) == b"12345"
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    refused = {"a": "larger than the 4 bytes", "pipe": "not a regular", "link": "not a regular", ".": "not a regular"}
    for name, reason in refused.items():
        with pytest.raises(OSError, match=reason):
            read_file(tmp_path / name, 4)
    with pytest.raises(FileNotFoundError):
        read_file(tmp_path / "none", 4)
