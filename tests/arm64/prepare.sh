#!/usr/bin/env bash
# Install the programs that the tests of emulated boards, of network connections and of the systemd
# unit require. If a program cannot be installed, the tests that require it are skipped with a
# reason.
install() { apt-get -q install -y --no-install-recommends "$@" >/dev/null || echo "could not be installed: $*" >&2; }
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    apt-get -q update >/dev/null || echo "apt-get update failed" >&2
    install qemu-user gcc libc6-dev
    install strace
    command -v systemd-analyze >/dev/null || install systemd
else
    for program in qemu-aarch64 strace systemd-analyze; do
        command -v "$program" >/dev/null || echo "not root, or no apt-get: tests that need $program skip" >&2
    done
fi
