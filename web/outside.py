"""Nobody outside is asked for anything: no analytics of libraries, and no file given as a URL."""

import os

TOLD = {  # what libraries would ask or tell of their own accord
    "GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1",
}  # fmt: skip
REFUSAL = "A picture is not fetched from a URL: upload the file, or send it as a data: URI."


def stay_inside() -> None:
    """To be called before Gradio is imported, which reads the environment then."""
    os.environ.update(TOLD)
    import gradio as gr
    from gradio import processing_utils

    async def refuse(url: str) -> None:
        raise gr.Error(REFUSAL, print_exception=False)

    # What every download of Gradio's goes through; it has no setting against them.
    processing_utils.async_ssrf_protected_get = refuse
