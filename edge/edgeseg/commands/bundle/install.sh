#!/bin/sh
# Installs edgeseg from this folder into a virtual environment of its own, without a network:
#     sh install.sh [FOLDER]          (default: ~/edgeseg; an older one there is brought up to date)
set -eu
target=${1:-$HOME/edgeseg}
case $target in /*) ;; *) target=$PWD/$target ;; esac
cd "$(dirname "$0")"

sha256sum --quiet --check SHA256SUMS || {
    echo "install.sh: this folder is damaged; copy it again" >&2
    exit 1
}
have=$(python3 -c 'import platform, struct, sys
bits = struct.calcsize("P") * 8
print("Python %d.%d on %s, %d bits" % (*sys.version_info[:2], platform.machine(), bits))') || {
    echo "install.sh: there is no python3" >&2
    exit 1
}
if [ "$have" != "Python @PYTHON@ on @MACHINE@, 64 bits" ]; then
    echo "install.sh: made for Python @PYTHON@ on @MACHINE@, 64 bits; this is $have." >&2
    echo "Make another: edgeseg bundle --platform linux-MACHINE --python VERSION -o FOLDER (no 32-bit wheels exist)" >&2
    exit 1
fi
older=
[ ! -e "$target/bin/edgeseg" ] || older=yes
python3 -m venv "$target" || {
    echo "install.sh: no virtual environment; install Debian's python@PYTHON@-venv" >&2
    exit 1
}
from_here() {
    "$target/bin/pip" install --disable-pip-version-check --quiet --no-index --find-links wheels "$@" '@REQUIREMENT@'
}
from_here --upgrade
# New weights or code under a version that is already there: pip alone would leave the old ones.
[ -z "$older" ] || from_here --force-reinstall --no-deps
"$target/bin/edgeseg" --version
echo "installed: $target/bin/edgeseg"
