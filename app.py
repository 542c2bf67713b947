"""Serves the PlasmoLens page. Research use only, not for diagnosis."""

import argparse
import os
import sys

import numpy as np

from jdm_core import CheckpointError, Explainer


def main(arguments: list[str] | None = None) -> int:
    """Loads the checkpoint and serves the page until interrupted; 1 when that cannot be done."""
    options = _parser().parse_args(arguments)
    try:
        explainer = Explainer.load(options.checkpoint, options.device)
    except (CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    from web.page import LAUNCH, build_page  # Gradio takes seconds to import: first see that there is something to show

    explainer.elbo(np.zeros((explainer.size, explainer.size, 3), np.uint8), draws=3)  # so that the first click is fast
    try:
        build_page(explainer).launch(server_name=options.host, server_port=options.port, **LAUNCH)
    except OSError as error:  # the port is taken
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    port = os.environ.get("GRADIO_SERVER_PORT")
    parser.add_argument(
        "--checkpoint", default=os.environ.get("PLASMOLENS_CHECKPOINT", "malaria-64"),
        help="name in the manifest, or folder of an adapted one (or PLASMOLENS_CHECKPOINT; default: malaria-64)",
    )  # fmt: skip
    parser.add_argument(
        "--device", default=os.environ.get("PLASMOLENS_DEVICE", "auto"),
        help="auto, cpu, cuda, mps (or PLASMOLENS_DEVICE; default: auto)",
    )  # fmt: skip
    parser.add_argument(
        "--host", default=os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"),
        help="address to serve on (or GRADIO_SERVER_NAME; default: 127.0.0.1)",
    )  # fmt: skip
    parser.add_argument(
        "--port", type=int, default=port, help="port (or GRADIO_SERVER_PORT; default: the first free from 7860)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
