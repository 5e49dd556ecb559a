#!/usr/bin/env bash
# A board's Python, as a program of the host: `python3 -m venv`, pip and the scripts that pip installs start themselves
# again, and the host cannot execute an arm64 file, but it can execute this one. EDGESEG_BOARD is pi4 or pi5 (default).
set -euo pipefail
userland=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
board=${EDGESEG_BOARD:-pi5}
case $board in
    pi4) cpu=cortex-a72 ;; # neither half precision nor dot products
    pi5) cpu=cortex-a76 ;; # both; never `max`: emulated SME makes FP32 fifteen times slower
    *) echo "EDGESEG_BOARD=$board: there is pi4 and pi5" >&2; exit 2 ;;
esac
# $0 as the guest's own name, because Python finds its virtual environment by it.
exec qemu-aarch64 -cpu "$cpu" ${EDGESEG_QEMU_PLUGIN:+-plugin "$EDGESEG_QEMU_PLUGIN"} -L "$userland/$board" -0 "$0" \
    "$userland/$board/usr/bin/python3.11" "$@"
