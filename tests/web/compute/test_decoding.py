"""The processes that decode uploads: the same pixels, held to limits, replaced when they break, never left over."""

import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jdm_core.images import decoder as program
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.read import read_cell
from jdm_core.images.refused import CellImageError
from tests.support import hostile
from web.compute import decoding
from web.compute.decoding import Decoder, Decoders, DecodingFault

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = sorted((ROOT / "web/examples").glob("*-*.png"))[0]
SOON = 30  # seconds in which what should happen at once happens on a busy machine too


@pytest.fixture
def decoders():
    with closing(Decoders()) as made:
        yield made


def run(script: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, timeout=120, **options)


def until(condition) -> bool:
    end = time.monotonic() + SOON
    while not (met := condition()) and time.monotonic() < end:
        time.sleep(0.02)
    return met


def gone(pid: int) -> bool:
    try:
        return "State:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return True


def test_the_pixels_are_those_that_are_read_here(decoders):
    made = [hostile.jpeg_fill_within(), hostile.png(40, 40, 16, 0, bytes(81 * 40)), hostile.bmp_rle(40, 40)]
    for source in (EXAMPLE, str(EXAMPLE), EXAMPLE.read_bytes(), *made):
        pixels = decoders.read(source, "cell")
        np.testing.assert_array_equal(pixels, read_cell(source))
        assert pixels.flags.writeable and pixels.flags.c_contiguous
    assert len(decoders._idle) == 1  # one after the other: one process


@pytest.mark.slow
@pytest.mark.parametrize(("width", "height"), [(5312, 2988), (8000, 5000), (900, 300)])
def test_fields_have_limits_of_their_own(decoders, width, height):
    buffer = BytesIO()
    Image.new("RGB", (width, height), (228, 222, 226)).save(buffer, "PNG", compress_level=1)
    assert decoders.read(buffer.getvalue(), "field", OF_FIELD).shape == (height, width, 3)
    if width > 2 * height:
        with pytest.raises(CellImageError, match="too elongated for one cell"):
            decoders.read(buffer.getvalue(), "cell")


def test_a_larger_field_is_refused_in_a_sentence(decoders):
    for width, height, words in ((8001, 5000, "more than 40 million"), (500, 100, "for a field")):
        buffer = BytesIO()
        Image.new("L", (width, height), 200).save(buffer, "PNG", compress_level=1)
        with pytest.raises(CellImageError, match=words):
            decoders.read(buffer.getvalue(), "field", OF_FIELD)


def test_so_are_the_refusals(decoders, tmp_path):
    cut = EXAMPLE.read_bytes()[:-60]
    for source in (cut, b"", b"no image", tmp_path, tmp_path / "none.png", hostile.tiff_huge_tiles()):
        with pytest.raises(CellImageError) as here:
            read_cell(source, "a name")
        with pytest.raises(CellImageError) as there:
            decoders.read(source, "a name")
        assert str(there.value) == str(here.value)
    np.testing.assert_array_equal(decoders.read(EXAMPLE, "cell"), read_cell(EXAMPLE))


@pytest.mark.parametrize("name", hostile.PICTURES)
def test_a_hostile_picture_takes_no_process(decoders, name):
    with pytest.raises(CellImageError):
        decoders.read(hostile.PICTURES[name](), name)
    assert decoders._idle == []


def test_a_decoder_is_light_and_told_no_secret(monkeypatch):
    done = run(
        "import sys, jdm_core.images.decoder, jdm_core.images.read; print({'torch', 'gradio'} & set(sys.modules))"
    )
    assert done.stdout == b"set()\n"
    monkeypatch.setenv("PLASMOLENS_LOGIN", "anna:secret")
    with closing(Decoder()) as decoder:
        place = Path(f"/proc/{decoder.process.pid}/environ")
        if not place.exists():
            pytest.skip("no /proc on this system")
        assert b"secret" not in place.read_bytes() and b"PATH=" in place.read_bytes()


@pytest.mark.slow
def test_time_memory_and_files_of_a_decoder_are_bounded(tmp_path):
    done = run("from jdm_core.images import decoder\ndecoder._allow(0)\nwhile True: pass")
    assert done.returncode == -signal.SIGXCPU
    done = run("from jdm_core.images import decoder, limits\ndecoder._bound()\nbytearray(limits.DECODER_BYTES)")
    assert b"MemoryError" in done.stderr
    opened = f"open({str(tmp_path / 'file')!r}, 'wb', 0)"
    script = f"from jdm_core.images import decoder\ndecoder._bound()\n{opened}.write(b'x')"
    assert b"File too large" in run(script).stderr


def test_one_that_hangs_is_ended_and_replaced(decoders, monkeypatch):
    decoders.read(EXAMPLE, "cell")
    (hung,) = decoders._idle
    os.kill(hung.process.pid, signal.SIGSTOP)
    monkeypatch.setattr(decoding, "WALL_FACTOR", 0.5)
    with pytest.raises(CellImageError, match="cell: takes too long to decode"):
        decoders.read(EXAMPLE, "cell")
    assert hung.process.returncode == -signal.SIGKILL and decoders._idle == []
    monkeypatch.undo()
    assert decoders.read(EXAMPLE, "cell").ndim == 3


def asked_while_stopped(decoders, monkeypatch, threads) -> tuple[Decoder, Future]:
    """The idle process, which stands still, and the reading that it was given: no other is started in its place."""
    decoders.read(EXAMPLE, "cell")
    (stopped,) = decoders._idle
    os.kill(stopped.process.pid, signal.SIGSTOP)
    given, read = threading.Event(), Decoder.read

    def noted(self, *arguments):
        given.set()
        return read(self, *arguments)

    monkeypatch.setattr(Decoder, "read", noted)
    job = threads.submit(decoders.read, EXAMPLE, "cell")
    assert given.wait(SOON)
    return stopped, job


def test_one_that_breaks_is_replaced(decoders, monkeypatch):
    with ThreadPoolExecutor() as threads:
        broken, job = asked_while_stopped(decoders, monkeypatch, threads)
        os.kill(broken.process.pid, signal.SIGKILL)  # as a codec's own fault would end it
        with pytest.raises(CellImageError, match="cell: cannot be decoded safely"):
            job.result(SOON)
    assert decoders.read(EXAMPLE, "cell").ndim == 3


def test_one_that_was_killed_while_idle_is_not_asked(decoders):
    decoders.warm()
    for decoder in decoders._idle:
        os.kill(decoder.process.pid, signal.SIGKILL)
        decoder.process.wait(SOON)
    assert decoders.read(EXAMPLE, "cell").ndim == 3


def test_one_that_passes_its_time_of_the_processor_says_so(decoders, monkeypatch):
    with ThreadPoolExecutor() as threads:
        late, job = asked_while_stopped(decoders, monkeypatch, threads)
        os.kill(late.process.pid, signal.SIGXCPU)
        os.kill(late.process.pid, signal.SIGCONT)
        with pytest.raises(CellImageError, match="cell: takes too long to decode"):
            job.result(SOON)


def test_a_counted_number_is_decoded_at_once(decoders, monkeypatch):
    lock, now, most, read = threading.Lock(), [0], [0], Decoder.read
    met, numbers = threading.Barrier(2), itertools.count()  # the first two wait for each other

    def counted(self, *arguments):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            number = next(numbers)
        try:
            if number < 2:
                met.wait(60)
            return read(self, *arguments)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(Decoder, "read", counted)
    with ThreadPoolExecutor(12) as threads:
        shapes = {pixels.shape for pixels in threads.map(lambda _: decoders.read(EXAMPLE, "cell"), range(48))}
    assert len(shapes) == 1 and most[0] == 2 and len(decoders._idle) <= 2


@pytest.mark.slow
def test_large_pictures_leave_a_decoder_to_the_small_ones(decoders):
    decoders.warm()
    slow, large = decoders._idle[-1], hostile.png_16bit_large(4000, 2500)
    os.kill(slow.process.pid, signal.SIGSTOP)
    with ThreadPoolExecutor() as threads:
        jobs = [threads.submit(decoders.read, large, "large") for _ in range(4)]
        assert until(lambda: len(decoders._idle) == 1)
        small = threads.submit(decoders.read, EXAMPLE, "cell")
        assert small.result(SOON).ndim == 3 and not any(job.done() for job in jobs)
        os.kill(slow.process.pid, signal.SIGCONT)
        assert {job.result(SOON).shape for job in jobs} == {(2500, 4000, 3)}


def test_a_fault_of_ours_is_told_as_one_and_quotes_nothing(caplog):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program._answer(theirs, b"a secret", lambda data: {}[data])
        kind, length = program.ANSWERED.unpack(ours.recv(program.ANSWERED.size))
        words = ours.recv(length)
    assert kind == program.FAULT and words.startswith(b"KeyError in test_decoding.py:") and b"secret" not in words
    decoder = object.__new__(Decoder)
    decoder._socket, theirs = socket.socketpair()
    with decoder._socket, theirs:
        theirs.sendall(program.ANSWERED.pack(program.FAULT, len(words)) + words)
        with pytest.raises(DecodingFault, match="KeyError in"):
            decoder.read(b"a file", "cell", 5)


def test_one_that_does_not_start_is_our_fault(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(DecodingFault, match=r"does not start \(status 1\)"):
        Decoder()


SERVER = """
import sys, threading, time
from tests.support import hostile
from web.compute.decoding import PAGE
PAGE.warm()
pids = [decoder.process.pid for decoder in PAGE._idle]
large = hostile.png_16bit_large()
def work():
    while True:
        PAGE.read(large, "large")
threading.Thread(target=work, daemon=True).start()
while len(PAGE._idle) == 2:
    time.sleep(0.01)
print(*pids, flush=True)
sys.stdin.read()
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["killed", "ended"])
def test_no_decoder_outlives_the_server(how):
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with server:
        pids = [int(pid) for pid in server.stdout.readline().split()]
        assert len(pids) == 2 and not any(map(gone, pids))
        if how == "killed":
            server.kill()
        else:
            server.stdin.close()
        server.wait(SOON)
        assert until(lambda: all(map(gone, pids)))
