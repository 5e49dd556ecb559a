#!/bin/sh
# Install edgeseg from this folder into a virtual environment, without a network connection:
#     sh install.sh [FOLDER]          (default: ~/edgeseg; an older installation there is updated)
set -eu
target=${1:-$HOME/edgeseg}
case $target in /*) ;; *) target=$PWD/$target ;; esac
cd "$(dirname "$0")"

sha256sum --quiet --check SHA256SUMS || {
    echo "install.sh: this folder is damaged. Copy it again." >&2
    exit 1
}
have=$(python3 -c 'import platform, struct, sys
bits = struct.calcsize("P") * 8
print("Python %d.%d on %s, %d bits" % (*sys.version_info[:2], platform.machine(), bits))') || {
    echo "install.sh: python3 is not installed" >&2
    exit 1
}
if [ "$have" != "Python @PYTHON@ on @MACHINE@, 64 bits" ]; then
    echo "install.sh: made for Python @PYTHON@ on @MACHINE@, 64 bits, but this is $have." >&2
    echo "Create a bundle for it: edgeseg bundle --platform linux-MACHINE --python VERSION -o FOLDER" >&2
    echo "(32-bit systems are not supported)." >&2
    exit 1
fi
older=
[ ! -e "$target/bin/edgeseg" ] || older=yes
python3 -m venv "$target" || {
    echo "install.sh: cannot create a virtual environment. Install Debian's python@PYTHON@-venv." >&2
    exit 1
}
install_from_here() {
    "$target/bin/pip" install --disable-pip-version-check --quiet --no-index --find-links wheels \
        "$@" '@REQUIREMENT@'
}
install_from_here --upgrade
# pip alone would keep an installation of the same version, although its code or weights may differ.
[ -z "$older" ] || install_from_here --force-reinstall --no-deps
"$target/bin/edgeseg" --version
echo "installed: $target/bin/edgeseg"
