# Sourced by run_all.sh and run_tests.sh from the repository root: sets PYTHON to an interpreter whose packages are those
# of requirements.lock. The active environment is used when it has them all; otherwise .venv is made.

# What a user has set for programs of their own changes no result and stops no installation. Of pip's settings only those stay that
# say where packages come from.
for variable in $(compgen -e); do
    case $variable in
        PIP_*INDEX* | PIP_*HOST | PIP_*CERT | PIP_PROXY | PIP_*TIMEOUT | PIP_RETRIES | PIP_*CACHE* | PIP_FIND_LINKS | PIP_CONFIG_FILE) ;;
        PYTHONPATH | PYTHONHASHSEED | PYTHONUNBUFFERED | PYTHONUTF8) ;;
        PIP_* | PYTHON* | SNAKEMAKE_* | IPYTHON* | JUPYTER_CONFIG* | JUPYTER_PATH | MATPLOTLIBRC | MPLSTYLE* | GIT_DIR | GIT_WORK_TREE | CDPATH)
            unset "$variable"
            ;;
    esac
done
unset variable

# True when every package that the lock asks of this interpreter is there in the locked version.
satisfies_lock() {
    "$1" - 2>/dev/null <<'PYTHON_CODE'
import sys
from importlib.metadata import PackageNotFoundError, version
from packaging.requirements import Requirement

def missing(line):
    wanted = Requirement(line)
    if wanted.marker and not wanted.marker.evaluate():
        return False
    try:
        return not wanted.specifier.contains(version(wanted.name), prereleases=True)
    except PackageNotFoundError:
        return True

lines = [line for line in open("requirements.lock") if line.strip() and not line.startswith("#")]
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) or any(map(missing, lines)))
PYTHON_CODE
}

# The first Python 3.11 to 3.13 that can make an environment. What `python` means comes first: pyenv, conda and hosted CI choose
# by it. Then 3.12 is the last, since there pocketsphinx has no wheel for Linux and needs a C compiler. Each is tried, not
# trusted: pyenv has shims that exist and fail.
find_python() {
    local candidate
    for candidate in $(type -P python) $(type -aP python3.11 python3.13 python3.12 python3); do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "error: no working Python 3.11, 3.12 or 3.13 with the venv module was found; install one (for example with" \
        "'conda env create -f environment.yml' or 'uv python install 3.11') and start again." >&2
    return 1
}

# Installs into this environment, given as a full path, what the other arguments name. A pip.conf may say that packages belong
# elsewhere; of the options against that only an empty --target means none (an empty --prefix or --root is the current folder).
install_into() {
    "$1/bin/python" -m pip install --quiet --disable-pip-version-check --no-user --target= --prefix="$1" --root=/ "${@:2}"
}

# Makes or updates .venv. The stamp is written last, so an interrupted installation is done again from the start.
make_environment() {
    local stamp=.venv/requirements.sha256 wanted python
    wanted=$(sha256sum < requirements.lock)
    mkdir -p .snakemake
    # Held by pip as well: a second start waits until the installation of a first one is really over.
    exec 8> .snakemake/environment.lock
    flock 8
    if [[ $(cat "$stamp" 2>/dev/null) != "$wanted" ]]; then
        if [[ ! -f $stamp ]]; then
            python=$(find_python)
            echo "Making .venv with $python (once, a few minutes and 7 GB) ..."
            "$python" -m venv --clear .venv
        fi
        rm -f "$stamp"
        install_into "$PWD/.venv" -r requirements.lock
        install_into "$PWD/.venv" --no-deps --no-build-isolation -e .
        echo "$wanted" > "$stamp"
    fi
    exec 8>&-
    PYTHON=$PWD/.venv/bin/python
}

PYTHON=
for candidate in ${VIRTUAL_ENV:+"$VIRTUAL_ENV/bin/python"} ${CONDA_PREFIX:+"$CONDA_PREFIX/bin/python"} $(type -P python); do
    if satisfies_lock "$candidate"; then
        PYTHON=$candidate
        break
    fi
done
if [[ -z $PYTHON ]]; then
    make_environment
fi

# s2i_lib, also where it is not installed; once, because run_tests.sh and what it starts all read this file
[[ :${PYTHONPATH:-}: == ":$PWD:"* ]] || export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH}
export PYTHONHASHSEED=0                             # the same set order in every run
export CUBLAS_WORKSPACE_CONFIG=:4096:8              # deterministic matrix products; must be set before CUDA starts
export MPLBACKEND=agg                               # no display is needed
export MATPLOTLIBRC=$PWD/workflow/matplotlibrc      # defaults, whatever the user's own says
export IPYTHONDIR=$PWD/.snakemake/ipython           # no profile with code that runs in every kernel
export JUPYTER_CONFIG_DIR=$PWD/.snakemake/jupyter
export JUPYTER_PREFER_ENV_PATH=1                    # this environment's kernel `python3`, not one of the home folder
# glibc keeps freed memory instead of faulting it in anew for every batch, which is half of the teacher's time on a virtual machine.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=8589934592
