#!/usr/bin/env bash
# Runs every chapter of the companion in order. Stop it at any time, with any signal; the next start goes on from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
Usage: ./run_all.sh [options] [Snakemake options and targets]

  --profile NAME   how large everything is (default: small)
                     smoke  every step in minutes; its numbers mean nothing
                     small  two CPU cores, about an hour for one data set with the two recipes of the paper's method
                     large  one GPU, hours; the paper's network sizes on the rendered data
                     paper  one GPU, days; the paper's own data, which you have to get: a dry run says what is missing
                            and where to get it, and a run that misses something stops at once with exit code 3
  --dataset LIST   data sets, modules of s2i_lib/datasets, with commas between: birds, flowers, scenes (rooms with simulated
                   field speech: Table III and Figure 4); cub, oxford, places with profile paper
                   (default: birds,flowers, and with profile paper cub,oxford,places)
  --seed N         training seed (default: 0)
  --seeds N,N,...  several training seeds, one after the other
  --more-seeds N,N,...  further training seeds for the three rows of Table IV, which differ least, and for chapter 17;
                   '' for none (default: 1,2 with profile small, otherwise none)
  --recipes LIST   what to train (default: all): the methods paper, recommended, classifier, text, text_v1, the ablations
                   norm, norm_jel, printed, released, contrastive, all_slots, last_state, one_scale, two_scales, and field
                   (recommended, taught with simulated field speech)
  --cores N        CPU cores to use (default: all)
  --dry-run        say which chapters would run, and why; run nothing
  --help           this text

Everything else goes to Snakemake, for example --forceall, --executor slurm, or one executed chapter that is wanted with
what it needs: data/birds-small/chapters/04_teacher.ipynb.
TEXT
}

fail() { echo "error: $1" >&2; exit 2; }

recipe_names=paper,recommended,classifier,text,text_v1
recipe_names+=,norm,norm_jel,printed,released,contrastive,all_slots,last_state,one_scale,two_scales,field
profile=small dataset= seeds=0 recipes=$recipe_names cores=all dry_run=
unset more_seeds
snakemake_options=()
while (($#)); do
    case $1 in
        --profile=* | --dataset=* | --seed=* | --seeds=* | --more-seeds=* | --recipes=* | --cores=*)
            set -- "${1%%=*}" "${1#*=}" "${@:2}"
            continue ;;
        --profile | --dataset | --seed | --seeds | --more-seeds | --recipes | --cores)
            (($# > 1)) || fail "$1 needs a value; see ./run_all.sh --help."
            case $1 in
                --profile) profile=$2 ;;
                --dataset) dataset=$2 ;;
                --seed | --seeds) seeds=$2 ;;
                --more-seeds) more_seeds=$2 ;;
                --recipes) recipes=$2 ;;
                --cores) cores=$2 ;;
            esac
            shift ;;
        -n | --dry-run) dry_run=yes ;;
        -h | --help) usage; exit 0 ;;
        *) snakemake_options+=("$1") ;;
    esac
    shift
done

case $profile in
    smoke | small | large | paper) ;;
    *) fail "profile '$profile' is unknown; choose from smoke, small, large, paper." ;;
esac
if [[ -z $dataset ]]; then
    [[ $profile == paper ]] && dataset=cub,oxford,places || dataset=birds,flowers
fi
for recipe in ${recipes//,/ }; do
    [[ ,$recipe_names, == *,$recipe,* ]] || fail "recipe '$recipe' is unknown; choose from ${recipe_names//,/, }, with commas between."
done
[[ ,$recipes, != *,text_v1,* || ,$recipes, == *,text,* ]] || fail "recipe text_v1 uses the encoder of text; ask for both."
[[ ,$recipes, != *_scale* || ,$recipes, == *,paper,* ]] || fail "one_scale and two_scales use the encoder of paper; ask for both."
[[ $seeds =~ ^[0-9]+(,[0-9]+)*$ ]] || fail "seeds '$seeds' are not whole numbers with commas between, such as 0,1,2."
if [[ ! -v more_seeds ]]; then
    [[ $profile == small ]] && more_seeds=1,2 || more_seeds=
fi
[[ $more_seeds =~ ^([0-9]+(,[0-9]+)*)?$ ]] || fail "more seeds '$more_seeds' are not whole numbers with commas between, such as 1,2."
[[ $cores =~ ^([1-9][0-9]*|all)$ ]] || fail "cores '$cores' is neither a number of cores nor 'all'."

source workflow/environment.sh

# Is everything there that cannot be made here? A dry run says what is missing and goes on to the plan.
"$PYTHON" -m s2i_lib data check --profile "$profile" --dataset "$dataset" || {
    code=$?
    [[ $dry_run && $code == 3 ]] || exit "$code"
}

if [[ $dry_run ]]; then
    snakemake_options+=(--dry-run)
else
    # The kernel frees this lock when the run ends, however it ends. It does what Snakemake's own lock does, which has to
    # be removed by hand after a kill. The wait covers the moment in which a killed run is still going away.
    mkdir -p .snakemake
    exec 9> .snakemake/run_all.lock
    flock --timeout 5 9 || fail "another ./run_all.sh is at work in this folder; wait for it to finish or stop it."
    snakemake_options+=(--quiet all)
fi

# exec: whoever stops this process stops Snakemake, and with it the chapter that runs (see workflow/run_chapter.py).
exec "$PYTHON" -m snakemake "${snakemake_options[@]}" --snakefile workflow/Snakefile --cores "$cores" \
    --nolock --rerun-incomplete --rerun-triggers params input mtime --scheduler greedy \
    --config "profile=$profile" "datasets=$dataset" "seeds=$seeds" "more_seeds=$more_seeds" "recipes=$recipes"
