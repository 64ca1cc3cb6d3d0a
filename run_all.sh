#!/usr/bin/env bash
# Runs every chapter of the companion in order; ./run_all.sh --help says how. Stop it at any time, with any signal; the next
# start goes on from there. The work is done by `python -m s2i_lib run`, see s2i_lib/run.
set -euo pipefail
unset CDPATH
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" # where it lies, also if a link was called

# Help and a wrong option need no packages, so they do not wait for an environment if some Python can read the options.
for python in .venv/bin/python python3 python; do
    code=0
    answer=$("$python" -m s2i_lib.run.options "$@" 2>/dev/null) || code=$?
    if ((code == 0)); then
        [[ -z $answer ]] || { echo "$answer"; exit 0; }
        break
    elif ((code == 2)); then
        echo "$answer" >&2
        exit 2
    fi
done

source workflow/environment.sh

# exec: whoever stops this process stops Snakemake, and with it the chapter that runs (see s2i_lib/run/command.py).
exec "$PYTHON" -m s2i_lib run "$@"
