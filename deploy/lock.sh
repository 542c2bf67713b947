#!/usr/bin/env bash
# Writes what the image installs, to the last byte, from the ranges of requirements.txt; needs `pip install uv`.
# Usage: bash deploy/lock.sh [options of uv pip compile, such as --upgrade or --upgrade-package gradio]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export UV_CUSTOM_COMPILE_COMMAND="bash deploy/lock.sh"
lock() { # FILE, options: for the Python and the system of the Dockerfile
    local file=$1
    shift
    uv pip compile requirements.txt --quiet --output-file "$file" --generate-hashes --no-annotate --no-emit-index-url \
        --no-emit-find-links --python-version 3.12 --python-platform x86_64-manylinux_2_28 "$@"
}
lock requirements.lock --torch-backend cpu "$@"
lock requirements-cuda.lock "$@"
