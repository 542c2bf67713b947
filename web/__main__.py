"""Serves the PlasmoLens page. Research use only, not for diagnosis."""

import sys
import traceback
from typing import TYPE_CHECKING

from web.settings import Settings, SettingsError, read_settings

if TYPE_CHECKING:  # imports torch, which a shared GPU must be asked for first
    from jdm_core import Explainer


def main(arguments: list[str] | None = None) -> int:
    """Loads the checkpoint and serves the page until told to stop; 2 for bad settings, 1 when it cannot be done."""
    try:
        settings = read_settings(arguments)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from web.compute.space import ask_for_gpu, shared_gpu
    from web.logs import set_up_logs

    set_up_logs(settings.log_level, settings.debug)
    spaces = shared_gpu()  # before torch is imported
    from jdm_core import CheckpointError, Explainer
    from web.server.service import check_shown

    try:
        explainer = Explainer.load(settings.checkpoint, settings.device)
        check_shown(explainer)
    except (CheckpointError, ValueError) as error:
        return _failed(error, settings)
    if spaces is not None:
        ask_for_gpu(explainer, spaces, settings.gpu_seconds)
    return serve(explainer, settings)


def serve(explainer: "Explainer", settings: Settings) -> int:
    """Serves the page around an explainer; 1 when the port is taken or a package is missing."""
    from web.server.service import Service, run_until, when_told
    from web.server.watchdog import guard

    told = when_told()
    try:
        service = Service(explainer, settings)
        guard(settings.stop_seconds, service.scratch.folder)
        address = service.launch()
    except (OSError, SettingsError) as error:
        return _failed(error, settings)
    print(f"PlasmoLens serves on {address}", flush=True)
    run_until(told, service)
    return 0


def _failed(error: Exception, settings: Settings) -> int:
    """Tells why the page is not served, in one line unless the whole of it is wanted; the process's status."""
    if settings.debug:
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
