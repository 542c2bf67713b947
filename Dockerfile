# The page on one's own server: docker build -t plasmolens . && docker run -p 7860:7860 plasmolens
FROM python:3.12-slim

# torch for CPUs; for a GPU, build with --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 and run with --gpus all
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /app
COPY requirements.txt .
RUN pip install --no-cache-dir --extra-index-url "$TORCH_INDEX" -r requirements.txt

COPY app.py LICENSE README.md MODEL_CARD.md ./
COPY jdm_core jdm_core
COPY web web
COPY checkpoints_manifest checkpoints_manifest

RUN useradd --create-home --uid 10001 cells
USER cells
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
CMD ["python", "app.py"]
