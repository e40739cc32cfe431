#!/bin/sh
# Create .venv and install the package with all that it needs, pinned by constraints.txt.
#
#   sh scripts/install.sh cpu     the CPU build of torch
#   sh scripts/install.sh cuda    the build that `pip install torch` gives: with CUDA on Linux
#
# PYTHON=... names the Python to use; without it the first working one of 3.13, 3.12 and 3.11 is taken.
set -eu
cd "$(dirname "$0")/.."

flavour=${1:-cpu}
torch=$(sed -n 's/^torch==//p' constraints.txt)
pip=".venv/bin/python -m pip"

stop() {
    printf '\n%s\n' "$@" >&2
    exit 1
}

# A candidate counts only if it runs: version managers leave commands on PATH that exist and fail.
suits() {
    "$1" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

create_venv() {
    suits .venv/bin/python && $pip --version >/dev/null 2>&1 && return
    for python in ${PYTHON:-python3.13 python3.12 python3.11 python3 python}; do
        suits "$python" || continue
        echo "Creating .venv with $("$python" --version)"
        "$python" -m venv --clear .venv
        return
    done
    stop "No working Python 3.11, 3.12 or 3.13 with venv and ensurepip was found (tried: ${PYTHON:-python3.13 python3.12 python3.11 python3 python})." \
        "Install one (on Debian and Ubuntu also its package python3-venv), or name it: make test PYTHON=/path/to/python3.12"
}

install_cpu_torch() {
    $pip install --no-deps "torch==$torch+cpu" && return
    echo "No torch $torch+cpu in the configured package index; asking PyTorch's own index for it."
    $pip install --no-deps "torch==$torch+cpu" --index-url https://download.pytorch.org/whl/cpu && return
    stop "torch $torch+cpu could not be installed. The choices are:" \
        "  - make https://download.pytorch.org reachable and repeat the command;" \
        "  - download the wheel torch-$torch+cpu for this Python elsewhere, then PIP_FIND_LINKS=/its/folder make test;" \
        "  - TORCH=cuda make test: the plain torch $torch of PyPI (on Linux with CUDA, several GB)."
}

install_cuda_torch() {
    # The CPU build would pass for the plain version, so it has to go first.
    case $($pip list --format=freeze 2>/dev/null | grep '^torch==' || true) in
        *+cpu) $pip uninstall --yes torch ;;
    esac
    $pip install -c constraints.txt "torch==$torch" ||
        stop "torch $torch could not be installed; TORCH=cpu make test installs the CPU build instead."
}

case $flavour in
    cpu | cuda) ;;
    *) stop "TORCH=$flavour is unknown; choose TORCH=cpu or TORCH=cuda." ;;
esac
create_venv
rm -f .venv/installed-*
"install_${flavour}_torch"
$pip install -c constraints.txt -e '.[dev]'
touch ".venv/installed-$flavour"
