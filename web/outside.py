"""Nobody outside is asked for anything: no analytics of libraries, and no file given as a URL."""

import os

TOLD = {  # what libraries would ask or tell of their own accord
    "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1",
}  # fmt: skip
REFUSAL = "A picture is not fetched from a URL: upload the file (MCP clients send it as a data: URI of at most 12 MiB)."


def stay_inside() -> None:
    """To be called before Gradio is imported, which reads the environment then."""
    os.environ.update(TOLD)
    from web.private import refuse_urls

    refuse_urls(REFUSAL)
