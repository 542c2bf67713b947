"""python -m benchmarks.start: seconds from the command to a served page and to a first prediction, warm.

On a busy machine compare the CPU seconds of the process, which others hardly change.
"""

import os
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 3
WAIT = 300  # seconds
LIMITS = {"served": 6.0, "prediction": 1.0}


def main() -> None:
    """Starts the app a few times and prints medians."""
    runs = [_run() for _ in range(RUNS + 1)][1:]  # the first one reads the files into memory
    served, cpu, prediction = (statistics.median(values) for values in zip(*runs, strict=True))
    print(f"served      {served:6.2f} s (limit {LIMITS['served']} s on an idle machine); {cpu:.2f} s of CPU time")
    print(f"prediction  {prediction:6.2f} s (limit {LIMITS['prediction']} s on an idle machine), the first one")


def _run() -> tuple[float, float, float]:
    address, server, served = start_server()
    try:
        cpu = _cpu_seconds(server.pid)
        from gradio_client import Client, handle_file

        client, cell = Client(address, verbose=False), next(iter(sorted((ROOT / "web/examples").glob("*-*.png"))))
        start = time.monotonic()
        client.predict(handle_file(cell), api_name="/predict")
        return served, cpu, time.monotonic() - start
    finally:
        stop_server(server)


def start_server(
    python: str = sys.executable, program: Sequence[str] = ("app.py",), **environment: str
) -> tuple[str, subprocess.Popen, float]:
    """Address and process of the app on a free port, once it is healthy, and the seconds that this took."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port), "PLASMOLENS_LOG_LEVEL": "warning"}
    start = time.monotonic()
    server = subprocess.Popen(
        [python, *program], cwd=ROOT, env=os.environ | variables | environment, stdout=subprocess.DEVNULL
    )
    address = f"http://127.0.0.1:{port}"
    while True:
        try:
            urllib.request.urlopen(f"{address}/healthz", timeout=5).close()
            urllib.request.urlopen(address, timeout=30).close()
            return address, server, time.monotonic() - start
        except OSError:
            if server.poll() is not None:
                raise SystemExit(f"error: app.py ended with status {server.returncode}") from None
            if time.monotonic() - start > WAIT:
                server.kill()
                raise SystemExit(f"error: app.py did not serve within {WAIT} s") from None
            time.sleep(0.02)


def stop_server(server: subprocess.Popen) -> int:
    """Tells a server to stop and returns its exit status."""
    server.send_signal(signal.SIGTERM)
    return server.wait(60)


def memory(pid: int) -> float:
    """Resident memory of a process, in MiB."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
