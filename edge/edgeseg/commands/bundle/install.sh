#!/bin/sh
# Install edgeseg from this folder into a virtual environment, without a network connection:
#     sh install.sh [FOLDER]          (default: ~/edgeseg; an older installation there is updated)
# Only the files listed in SHA256SUMS are used; a folder with other files is rejected.
set -eu
unset CDPATH
LC_ALL=C
export LC_ALL
target=${1:-$HOME/edgeseg}
case $target in /*) ;; *) target=$PWD/$target ;; esac
cd -- "$(dirname -- "$0")"

sha256sum --quiet --strict --check SHA256SUMS || {
    echo "install.sh: this folder is damaged. Copy it again." >&2
    exit 1
}
listed=$(sed 's/^[0-9a-f]*  //' SHA256SUMS | sort)
present=$(find . ! -type d ! -path ./SHA256SUMS | sed 's|^\./||' | sort)
if [ "$listed" != "$present" ]; then
    echo "install.sh: this folder contains files that SHA256SUMS does not list. Remove them:" >&2
    find . ! -type d ! -path ./SHA256SUMS | while IFS= read -r file; do
        printf '%s\n' "$listed" | grep -Fqx -e "${file#./}" ||
            printf '    %s\n' "$file" | tr -c '[:print:]\n' '?' >&2
    done
    exit 1
fi
# Isolated mode (-I): Python imports no module from this folder or from PYTHONPATH.
have=$(python3 -I -c 'import platform, struct, sys
bits = struct.calcsize("P") * 8
print("Python %d.%d on %s, %d bits" % (*sys.version_info[:2], platform.machine(), bits))') || {
    echo "install.sh: python3 is not installed" >&2
    exit 1
}
if [ "$have" != "Python @PYTHON@ on @MACHINE@, 64 bits" ]; then
    echo "install.sh: this bundle is made for Python @PYTHON@ on @MACHINE@, 64 bits, but this device has $have." >&2
    echo "Create a bundle for this device: edgeseg bundle --platform linux-MACHINE --python VERSION -o FOLDER" >&2
    echo "(32-bit systems are not supported)." >&2
    exit 1
fi
older=
[ ! -e "$target/bin/edgeseg" ] || older=yes
python3 -I -m venv "$target" || {
    echo "install.sh: cannot create a virtual environment. Install Debian's python@PYTHON@-venv." >&2
    exit 1
}
# Ignore the settings of pip in the environment and in configuration files, such as an index.
install_from_here() {
    PIP_CONFIG_FILE=/dev/null "$target/bin/python" -I -m pip --isolated install \
        --disable-pip-version-check --quiet --no-index --find-links wheels --require-hashes "$@"
}
install_from_here --upgrade --requirement requirements.txt
# Without --force-reinstall, pip would keep an installation of the same version, even if its code or
# weights differ.
[ -z "$older" ] || install_from_here --force-reinstall --no-deps --requirement edgeseg.txt
"$target/bin/python" -I "$target/bin/edgeseg" --version
echo "installed: $target/bin/edgeseg"
