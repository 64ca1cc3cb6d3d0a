#!/usr/bin/env bash
# Tests the library, one whole workflow through papermill at its smallest size, and every chapter as it is committed.
set -euo pipefail
unset CDPATH
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" # where it lies, also if a link was called

usage() {
    cat <<'TEXT'
Usage: ./run_tests.sh [--all]

  (nothing)  about twenty minutes on two cores: linter, types, the library's tests with the paper's data as miniatures, the
             page in a browser, all chapters about birds through the workflow, and every chapter as committed
  --all      more, in about half an hour: slow tests (queues, several processes), the chapters about all three rendered
             data sets, the ablations and Table III on miniatures of photographs, kernels that start the ordinary way

In two minutes, without the slow tests:  python -m pytest -n 2 -m "not slow"
TEXT
}

all=
case ${1:-} in
    "") ;;
    --all) all=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "error: './run_tests.sh $1' is unknown; see ./run_tests.sh --help." >&2; exit 2 ;;
esac

source workflow/environment.sh
# Two things run side by side, each with one thread: with two, they wait for each other. Preloaded kernels need it, too.
export OMP_NUM_THREADS=1

# Kernels are forked from a process that has imported the libraries, which would otherwise be paid some hundred times.
if [[ ! $all && ! ${S2I_TESTS_PRELOADED:-} ]]; then
    S2I_TESTS_PRELOADED=yes exec "$PYTHON" workflow/preloaded_kernel.py ./run_tests.sh
fi

part() { printf '\n=== %s (%d s so far)\n' "$1" "$SECONDS"; }
smoke() { ./run_all.sh --profile smoke --cores 2 "$@"; }

part "1 of 4: linter"
"$PYTHON" -m ruff check . && "$PYTHON" -m ruff format --check .

part "2 of 4: types, and tests of the library and the workflow"
# on one core for half a minute, thus beside the tests
types=$(mktemp)
trap 'rm -f "$types"' EXIT
"$PYTHON" -m mypy >"$types" 2>&1 &
checker=$!
tests=(-m "not slow or photographs or browser")
[[ ! $all ]] || tests=(--complete)
"$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder -p no:nbval "${tests[@]}" tests
wait "$checker" || { cat "$types"; exit 1; }
cat "$types"

part "3 of 4: the whole workflow, profile smoke"
rm -rf data/*-smoke runs/*-smoke*
if [[ $all ]]; then
    smoke --dataset birds,flowers,rooms
else
    # the longest chapter, with what it needs, first
    smoke --dataset birds --prioritize runs/birds-smoke-s0/chapters/24_unwritten_language.ipynb
    # what the chapters about flowers and rooms read when part 4 runs them
    smoke --dataset flowers,rooms --recipes text,text_transcripts,classifier,paper,recommended \
        data/flowers-smoke/chapters/09_flowers.ipynb runs/tables-smoke/chapters/19_table_3.ipynb
fi

part "4 of 4: the chapters as committed, with their default parameters"
mapfile -t chapters < <(printf '%s\n' notebooks/*.ipynb | sort -r) # the last ones take longest
"$PYTHON" -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval-lax "${chapters[@]}"
