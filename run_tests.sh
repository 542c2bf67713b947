#!/usr/bin/env bash
# Makes the test environment where it is missing, then checks style and types and runs the tests.
# Usage: bash run_tests.sh [--fast | --long | --cluster] [pytest arguments]
#   --fast      leaves out what is slow, drives a browser or trains a network
#   --long      tries more damaged input, and does nothing else
#   --cluster   installs Ray too, and runs what needs it and nothing else
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
python=.venv-test/bin/python
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}" # the tests run side by side, one thread each
unset PYTHONDONTWRITEBYTECODE # else each of the many processes that the tests start compiles all that it imports

arguments=()
if [ "${1:-}" = --fast ]; then
    shift
    arguments+=(-m "not slow and not browser and not train and not cluster and not long")
elif [ "${1:-}" = --long ]; then
    shift
    arguments+=(-m long)
fi
requirements=(requirements.txt requirements-dev.txt)
if [ "${1:-}" = --cluster ]; then
    shift
    arguments+=(-m cluster)
    requirements+=(requirements-cluster.txt)
fi

PATH="$PATH:/usr/sbin" # where Debian keeps nginx, also of users that are not root
programs=(chromium chromedriver nginx)
missing() { for program in "${programs[@]}"; do command -v "$program" >/dev/null || echo -n " $program"; done; }

if ! "$python" -m pip --version >/dev/null 2>&1; then
    python3 -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' ||
        { echo "run_tests.sh: python3 must be Python 3.11 or 3.12, not $(python3 --version 2>&1)" >&2; exit 1; }
    python3 -m venv --clear .venv-test
fi
wanted="$(cat "${requirements[@]}")" installed=.venv-test/installed.txt # what was installed last: to ask takes a while
if [ "$(cat "$installed" 2>/dev/null)" != "$wanted" ]; then
    "$python" -m pip install -qq --no-input --disable-pip-version-check "${requirements[@]/#/-r}"
    echo "$wanted" >"$installed"
fi

if [ "${#arguments[@]}" = 0 ]; then
    if [ -n "$(missing)" ] && [ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] && command -v apt-get >/dev/null; then
        export DEBIAN_FRONTEND=noninteractive
        # An unreachable third-party source must not stop this: what is really missing, the install names.
        apt-get -qq update || true
        apt-get -qq install --yes --no-install-recommends chromium chromium-driver nginx </dev/null >/dev/null || true
    fi
    [ -z "$(missing)" ] || echo "run_tests.sh: not on the PATH:$(missing): the tests that need it cannot run" >&2
fi
"$python" -c "import xdist" 2>/dev/null &&
    arguments+=(-n 2 --dist worksteal) # each half in its order, so that what a file or a folder shares is made once

"$python" -m ruff check --quiet .
"$python" -m ruff format --check --quiet .
types="$(mktemp)" # what pyright says, which works beside the tests and is shown behind them
"$python" -m pyright --pythonpath "$python" >"$types" 2>&1 &
pyright=$!
trap 'kill "$pyright" 2>/dev/null || true; rm -f "$types"' EXIT
status=0
"$python" -m pytest --durations=25 --durations-min=1 "${arguments[@]}" "$@" || status=$?
wait "$pyright" || status=1
cat "$types"
exit "$status"
