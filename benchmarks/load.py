"""python -m benchmarks.load: many clients at once on one server; none may be lost, and memory must stay.

Afterwards, with --kill, the server is killed in the middle of an edit and started again.
"""

import argparse
import statistics
import subprocess
import threading
import time
from pathlib import Path

from benchmarks.start import ROOT, memory, start_server, stop_server

PATIENCE = 120  # seconds for one request: the clients share the processor with the server
SAMPLE_SECONDS = 15  # between two looks at the server's memory
EXAMPLES = sorted((ROOT / "web/examples").glob("*-*.png"))


def main() -> int:
    """Runs the clients and prints what became of their calls; 1 where one was lost or failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--kill", action="store_true", help="then kill the server in an edit, and time its restart")
    options = parser.parse_args()
    address, server, _ = start_server()
    try:
        failed = _load(address, server.pid, options.clients, options.minutes)
        if options.kill:
            _kill_in_an_edit(address, server)
            address, server, seconds = start_server()
            print(f"killed in an edit; served again after {seconds:.1f} s")
    finally:
        status = stop_server(server)
    print(f"exit status when told to stop: {status}")
    return int(failed or status != 0)


def _load(address: str, pid: int, clients: int, minutes: float) -> bool:
    from gradio_client import Client, handle_file

    ready = [Client(address, verbose=False, httpx_kwargs={"timeout": PATIENCE}) for _ in range(clients)]
    ready[0].predict(handle_file(EXAMPLES[0]), api_name="/predict")
    before, until = memory(pid), time.monotonic() + 60 * minutes
    waits: list[list[float]] = [[] for _ in ready]
    errors: list[str] = []

    def use(number: int) -> None:
        while time.monotonic() < until:
            start, cell = time.monotonic(), EXAMPLES[number % len(EXAMPLES)]
            try:
                ready[number].predict(handle_file(cell), api_name="/predict")
            except Exception as error:  # of any kind: it is what is counted
                errors.append(f"{type(error).__name__}: {error}")
            waits[number].append(time.monotonic() - start)

    threads = [threading.Thread(target=use, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    resident = _memory_until(until, pid)
    for thread in threads:
        thread.join(PATIENCE)
    lost = sum(thread.is_alive() for thread in threads)
    every, counts = [wait for client in waits for wait in client], [len(client) for client in waits]
    print(f"{clients} clients, {minutes:g} min: {len(every)} calls, {len(errors)} errors, {lost} clients lost")
    print(f"calls a client: {min(counts)} to {max(counts)}; {len(every) / (60 * minutes):.2f} calls a second")
    print(f"seconds a call: median {statistics.median(every):.2f}, longest {max(every):.2f}")
    print(f"memory every {SAMPLE_SECONDS} s, MiB: {before:.0f} before; {' '.join(f'{held:.0f}' for held in resident)}")
    for error in sorted(set(errors))[:5]:
        print(f"  {error}")
    return bool(errors or lost)


def _memory_until(until: float, pid: int) -> list[float]:
    resident = []
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(SAMPLE_SECONDS, left))
        resident.append(memory(pid))
    return resident


def _kill_in_an_edit(address: str, server: subprocess.Popen) -> None:
    from gradio_client import Client, handle_file

    job = Client(address, verbose=False).submit(handle_file(Path(EXAMPLES[0])), None, api_name="/edit")
    while not job.outputs() and not job.done():
        time.sleep(0.02)
    server.kill()
    server.wait()


if __name__ == "__main__":
    raise SystemExit(main())
