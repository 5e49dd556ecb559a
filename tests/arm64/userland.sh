#!/usr/bin/env bash
# Build a small arm64 userland with Debian's Python 3.11 for qemu-user. No container engine, chroot
# or binfmt is used, and the packages of the host are not changed. This takes about ten seconds and
# 170 MB. userland.sh DIR Then DIR/bin/python3 is that Python on an emulated Raspberry Pi 5, and
# with EDGESEG_BOARD=pi4 on a Raspberry Pi 4. Requires Debian or Ubuntu, root, and qemu-user.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
state=$dir/apt

mkdir -p "$dir"/{bin,pi5} "$state"/{state/lists/partial,cache/archives/partial}
: >"$state/status"
apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures::=arm64 -o Dir::State="$state/state" \
        -o Dir::State::status="$state/status" -o Dir::Cache="$state/cache" -o Debug::NoLocking=1 \
        -o APT::Install-Recommends=false -o APT::Sandbox::User=root -o Acquire::Languages=none "$@" >/dev/null
}
apt update
apt -y -d install python3.11-minimal libpython3.11-stdlib python3.11-venv libstdc++6 libgcc-s1 zlib1g
for deb in "$state"/cache/archives/*.deb; do dpkg -x "$deb" "$dir/pi5"; done
rm -rf "$state"

# ONNX Runtime selects its kernels by these tables, and QEMU supports only the instructions of the
# emulated core. Therefore, both must describe the same core.
tables() { # ROOT PART FEATURES
    mkdir -p "$1/proc" "$1/sys/devices/system/cpu"
    for core in 0 1 2 3; do
        printf '%s\t: %s\n' processor "$core" BogoMIPS 108.00 Features "$3" "CPU implementer" 0x41 \
            "CPU architecture" 8 "CPU variant" 0x0 "CPU part" "$2" "CPU revision" 1 >>"$1/proc/cpuinfo"
        printf '\n' >>"$1/proc/cpuinfo"
        local at=$1/sys/devices/system/cpu/cpu$core
        mkdir -p "$at/topology" "$at/cpufreq"
        echo 0 >"$at/topology/physical_package_id"
        echo "$core" >"$at/topology/core_id"
        echo 0-3 >"$at/topology/core_siblings_list"
        echo "$core" >"$at/topology/thread_siblings_list"
        echo 2400000 >"$at/cpufreq/cpuinfo_max_freq"
        echo 1500000 >"$at/cpufreq/cpuinfo_min_freq"
    done
    for file in possible present; do echo 0-3 >"$1/sys/devices/system/cpu/$file"; done
    echo 7 >"$1/sys/devices/system/cpu/kernel_max"
}
cp -al "$dir/pi5" "$dir/pi4"
tables "$dir/pi4" 0xd08 "fp asimd evtstrm crc32 cpuid"
tables "$dir/pi5" 0xd0b "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"

cp "$here/python3.sh" "$dir/bin/python3"
ln -s python3 "$dir/bin/python3.11"
