#!/usr/bin/env bash
# Starts the app as a Space does: a fresh environment from requirements.txt alone, a read-only copy of the committed
# files, no home to write to, port 7860; then asks /healthz and one prediction. Prints seconds. Needs python3.12 or 3.11.
#   bash deploy/space_dry_run.sh [PYTHON]     --worktree as a second argument: files as they lie, committed or not
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python="${1:-$(command -v python3.12 || command -v python3.11)}"
port="${SPACE_PORT:-7860}"
work="$(mktemp -d)"
server=""
finish() {
    [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" || true
    chmod -R u+w "$work" && rm -rf "$work"
}
trap finish EXIT

mkdir "$work/app"
if [ "${2:-}" = --worktree ]; then
    cp -r app.py README.md requirements.txt jdm_core web checkpoints_manifest "$work/app"
else
    git archive HEAD app.py README.md requirements.txt jdm_core web checkpoints_manifest | tar -x -C "$work/app"
fi
find "$work/app" -name __pycache__ -prune -exec rm -rf {} +
chmod -R a-w "$work/app"
mkdir "$work/home" && chmod a-w "$work/home"

start=$SECONDS
"$python" -m venv "$work/venv"
"$work/venv/bin/pip" install -q --disable-pip-version-check -r requirements.txt
echo "installed in $((SECONDS - start)) s with $("$work/venv/bin/python" --version)"

start=$SECONDS
cd "$work/app"
env -i PATH="$PATH" HOME="$work/home" PYTHONDONTWRITEBYTECODE=1 SPACE_ID=owner/plasmolens SYSTEM=spaces \
    GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT="$port" OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}" \
    "$work/venv/bin/python" app.py &
server=$!
until curl -fsS "http://127.0.0.1:$port/healthz" 2>/dev/null; do
    kill -0 "$server" || { echo "error: the app ended" >&2; exit 1; }
    [ $((SECONDS - start)) -lt 300 ] || { echo "error: no answer within 300 s" >&2; exit 1; }
    sleep 0.5
done
echo
echo "served after $((SECONDS - start)) s"
start=$SECONDS
"$work/venv/bin/python" - "http://127.0.0.1:$port" "$work/app/web/examples" <<'PY'
import sys
from pathlib import Path

from gradio_client import Client, handle_file

cell = sorted(Path(sys.argv[2]).glob("*.png"))[0]
result = Client(sys.argv[1], verbose=False).predict(handle_file(cell), api_name="/predict")
print(cell.name, result["label"], result["probabilities"])
PY
echo "one prediction, with its client, in $((SECONDS - start)) s"
