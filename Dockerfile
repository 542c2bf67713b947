# The page on one's own server: docker build -t plasmolens . && docker run -p 7860:7860 plasmolens
# Python 3.12.14 on Debian trixie, for amd64 and arm64; `docker buildx imagetools inspect python:3.12-slim` tells the newest.
FROM python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea

# Every package to its last byte, made by deploy/lock.sh. torch is that for CPUs, which PyTorch alone has; for a GPU,
# build with --build-arg LOCK=requirements-cuda.lock and run with --gpus all.
ARG LOCK=requirements.lock
WORKDIR /app
COPY requirements.lock requirements-cuda.lock ./
RUN pip install --no-cache-dir --only-binary :all: --require-hashes \
    --extra-index-url https://download.pytorch.org/whl/cpu -r "$LOCK"

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
