#!/usr/bin/env bash
# Python of a board, as a script that the host can execute. A script is required, because `python3
# -m venv`, pip and installed scripts start Python again, and the host cannot execute an arm64 file.
# EDGESEG_BOARD is pi4 or pi5 (default).
set -euo pipefail
userland=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
board=${EDGESEG_BOARD:-pi5}
case $board in
    pi4) cpu=cortex-a72 ;; # neither half precision nor dot products
    pi5) cpu=cortex-a76 ;; # both; never `max`: emulated SME makes FP32 fifteen times slower
    *) echo "EDGESEG_BOARD=$board: there is pi4 and pi5" >&2; exit 2 ;;
esac
# Pass the path in the guest as argv[0], because Python finds its virtual environment by this path.
exec qemu-aarch64 -cpu "$cpu" ${EDGESEG_QEMU_PLUGIN:+-plugin "$EDGESEG_QEMU_PLUGIN"} -L "$userland/$board" -0 "$0" \
    "$userland/$board/usr/bin/python3.11" "$@"
