#!/usr/bin/env bash
# Tests everything: the library, the whole workflow at its smallest size, and that every chapter runs as it is committed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

case ${1:-} in
    "") ;;
    -h | --help) echo "Usage: ./run_tests.sh      (no options; see the first lines of this file)"; exit 0 ;;
    *) echo "error: ./run_tests.sh takes no options; to choose tests, use 'python -m pytest tests -k NAME'." >&2; exit 2 ;;
esac

source workflow/environment.sh

part() { printf '\n=== %s (%d s so far)\n' "$1" "$SECONDS"; }

part "1 of 3: tests of the library and the workflow"
"$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests

part "2 of 3: the whole workflow, profile smoke"
rm -rf data/*-smoke runs/*-smoke*
./run_all.sh --profile smoke --dataset birds,flowers,scenes

part "3 of 3: the chapters as committed, with their default parameters"
"$PYTHON" -m pytest -n 2 --dist loadfile --nbval-lax --nbval-current-env notebooks/*.ipynb
