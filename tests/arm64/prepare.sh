#!/usr/bin/env bash
# What the tests on emulated boards and those of "no network" need beside Python; where it cannot be had, they skip and say so.
if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    { apt-get -q update && apt-get -q install -y --no-install-recommends qemu-user strace gcc libc6-dev; } >/dev/null ||
        echo "qemu-user and strace could not be installed" >&2
elif ! command -v qemu-aarch64 >/dev/null || ! command -v strace >/dev/null; then
    echo "not root, or no apt-get: tests that need qemu-user or strace skip where these are missing" >&2
fi
