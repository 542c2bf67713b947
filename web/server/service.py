"""One server from start to stop: the page launched as its settings say, health and status, and a graceful end."""

import asyncio
import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import numpy as np

from jdm_core import Explainer
from jdm_core.version import VERSION
from web.compute.shared import SharedExplainer
from web.compute.space import is_shared, is_space
from web.logs import fault, join_uvicorn, note
from web.server.scratch import Scratch
from web.settings import Settings, SettingsError

PROXIES = Settings().proxies
# Nobody outside is asked for anything: no analytics of libraries, and no file given as a URL.
TOLD = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1"}
REFUSAL = "A picture is not fetched from a URL: upload the file (MCP clients send it as a data: URI of at most 12 MiB)."
HEALTH_SECONDS = 10  # for which an answer of the model is believed


class Service:
    """A launched page: `stop` ends it in good order."""

    def __init__(self, explainer: Explainer, settings: Settings) -> None:
        self.explainer, self.settings = SharedExplainer(explainer), settings
        self.started, self.stopping, self.loop = time.monotonic(), False, None
        self._answered, self._asked = 0.0, None
        self.blocks: Any = None
        parent = os.environ.get("GRADIO_TEMP_DIR")
        self.scratch = Scratch(settings.kept_seconds, Path(parent) if parent else None, settings.disk_megabytes)

    def launch(self) -> str:
        """Serves the page and returns its address. Raises OSError for a port that is taken, SettingsError."""
        os.environ["GRADIO_TEMP_DIR"] = str(self.scratch.folder)
        os.environ.setdefault("MPLBACKEND", "agg")  # else it looks for one with windows, at the first job
        stay_inside()
        proxies = "*" if is_space() and self.settings.proxies == PROXIES else self.settings.proxies
        os.environ["FORWARDED_ALLOW_IPS"] = proxies  # which uvicorn reads
        if not is_shared():
            _beside(self._compute_once)  # while Gradio is imported
        from starlette.middleware import Middleware  # here, as all that imports Gradio, which takes seconds

        from web.page import LAUNCH, build_page
        from web.parts.static import EXAMPLES
        from web.server.document import Document
        from web.server.gate import Gate
        from web.server.jobs import watch_jobs
        from web.server.private import keep_states, let_tools_in, no_application_yet, queue_of, replace_private_names
        from web.server.sessions import Pages

        settings = self.settings
        explainer = cast(Explainer, self.explainer)  # it does all that an explainer does
        with no_application_yet():
            self.blocks = build_page(explainer, settings.kept_seconds, settings.batch_cells)
            self.blocks.queue(max_size=settings.queue_length, api_open=False)  # no way round the queue
        self.blocks.delete_cache = None  # Gradio's own sweep would take the pictures of the page's buttons too
        watch_jobs(self.blocks)
        replace_private_names()
        self.pages = Pages(queue_of(self.blocks), settings.kept_seconds, max(1, settings.queue_length // 2))
        options = LAUNCH | {
            "server_name": settings.host,
            "server_port": settings.port,
            "root_path": settings.root_path or None,
            "auth": settings.logins(),
            "max_file_size": settings.upload_megabytes * 2**20,
            "app_kwargs": {"middleware": [Middleware(Gate, service=self), Middleware(Document, settings.root_path)]},
            "mcp_server": settings.mcp,
            "share": False,
            "ssr_mode": False,
            "pwa": False,
            "quiet": True,
            "prevent_thread_lock": True,
        }
        _, address, _ = self.blocks.launch(**options)
        keep_states(self.blocks, self.pages)
        join_uvicorn()
        if settings.mcp and not self.blocks.mcp_server:
            self.stop()
            raise SettingsError('mcp: needs pip install "gradio[mcp]"')
        if settings.mcp and settings.login:
            let_tools_in(self.blocks, secrets.token_urlsafe(32))
        self.scratch.keep_all(EXAMPLES.glob("*.png"))
        _beside(_import_the_rest)
        note("started", seconds=round(time.monotonic() - self.started, 2), **self.status())
        return address

    @property
    def app(self) -> Any:
        """Gradio's application, once the page is launched."""
        return self.blocks.app

    async def healthy(self) -> bool:
        """Whether the model predicts and decodes, by figures that are finite.

        Asked at most every ten seconds, for all who want to know at once, and never of a GPU that must be asked for.
        """
        if self.stopping:
            return False
        if is_shared() or time.monotonic() - self._answered < HEALTH_SECONDS:
            return True
        if self._asked is None or self._asked.done():
            self._asked = asyncio.get_running_loop().create_task(asyncio.to_thread(self._ask_the_model))
        return await asyncio.shield(self._asked)

    def _ask_the_model(self) -> bool:
        size = self.explainer.size
        try:
            prediction, elbo = self.explainer.check(np.zeros((size, size, 3), np.uint8))
        except Exception as error:  # whatever it is, this server is not well
            note("not well", logging.ERROR, **fault(error))
            return False
        figures = [prediction.probabilities, elbo.elbo, elbo.evidence, elbo.posterior]
        if self.explainer.checkpoint.calibration.familiarity is not None:  # else it is NaN of every picture
            figures.append(prediction.unfamiliarity)
        if not all(np.isfinite(figure).all() for figure in figures):
            note("not well", logging.ERROR, error="figures that are not finite")
            return False
        self._answered = time.monotonic()
        return True

    def _compute_once(self) -> None:
        """One small computation of each kind: a network's first passes are its slowest."""
        size = self.explainer.size
        try:
            self.explainer.elbo(np.zeros((size, size, 3), np.uint8), draws=3)
        except Exception as error:  # visitors will be told as well, and /healthz says it
            note("not well", logging.ERROR, **fault(error))

    def status(self) -> dict[str, Any]:
        """What this server serves, and how busy it is."""
        from web.server.private import queue_of

        queue = queue_of(self.blocks)
        return {
            "name": "PlasmoLens",
            "version": VERSION,
            "model": self.explainer.name,
            "model_version": self.explainer.checkpoint.version,
            "sha256": self.explainer.sha256,
            "device": str(self.explainer.device),
            "running": queue.get_active_worker_count(),
            "waiting": len(queue),
            "uptime_seconds": round(time.monotonic() - self.started, 1),
            "stopping": self.stopping,
        }

    def stop(self) -> bool:
        """Takes no more jobs, waits for the running ones, tells who still waits, deletes files; whether all ended."""
        from web.server.private import queue_of, wake_streams

        self.stopping = True
        queue, until = queue_of(self.blocks), time.monotonic() + self.settings.stop_seconds
        while (busy := queue.get_active_worker_count() + len(queue)) and time.monotonic() < until:
            time.sleep(0.05)
        queue.close()
        if self.loop is not None:  # open streams sleep until a message comes: wake them, so that they tell
            self.loop.call_soon_threadsafe(wake_streams, self.blocks)
            time.sleep(0.2)
        self.blocks.server.config.timeout_graceful_shutdown = 1  # browsers keep connections open for ever
        self.blocks.close(verbose=False)
        self.scratch.close()
        note("stopped", jobs_broken_off=busy, uptime_seconds=round(time.monotonic() - self.started, 1))
        return not busy


def check_shown(explainer: Explainer) -> None:
    """Raises SettingsError for a checkpoint whose verdicts the page has no words for."""
    labels, channels = len(explainer.labels), explainer.checkpoint.architecture.image_channels
    if (labels, channels) != (2, 3):
        has = f"{explainer.name} has {labels} labels and images of {channels} channel{'s' * (channels > 1)}"
        raise SettingsError(f"checkpoint: {has}, where the page needs 2 labels and 3 channels")


def when_told() -> threading.Event:
    """Set from now on by SIGTERM and SIGINT. To be called before the launch, after which either may come."""
    told = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told.set())
    return told


def run_until(told: threading.Event, service: Service) -> None:
    """Serves until told, then stops; ends the process with status 0 even where a job hangs."""
    told.wait()
    if not service.stop():
        os._exit(0)  # a computation cannot be broken off from outside, and its thread would hold the process


def _import_the_rest() -> None:
    """What the first job would wait for: the first report needs the one, of which Gradio asks for a part at each job,
    and some images need the other.
    """
    for name in ("matplotlib.backends.backend_pdf", "jdm_core.images.segment"):
        import_module(name)
    from web.compute.decoding import PAGE, DecodingFault

    with suppress(DecodingFault):  # whoever uploads something will be told
        PAGE.warm()


def _beside(work: Callable[[], object]) -> None:
    threading.Thread(target=work, daemon=True).start()


def stay_inside() -> None:
    """To be called before Gradio is imported, which reads the environment then."""
    os.environ.update(TOLD)
    from web.server.private import refuse_urls

    refuse_urls(REFUSAL)
