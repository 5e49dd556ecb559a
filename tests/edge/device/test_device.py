"""Facts about the device, throttling and warnings."""

from __future__ import annotations

import platform
from pathlib import Path

import msgspec
import pytest

from edgeseg.device import DeviceInfo, describe_device, device_warnings, installed_versions
from edgeseg.device.throttling import parse_firmware_state, read_throttling

ZONE = "sys/class/thermal/thermal_zone0"
FAN = "sys/class/thermal/cooling_device0"
CLOCK = "sys/class/thermal/cooling_device1"


def write_files(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_describe_device_without_system_files_leaves_facts_empty(tmp_path: Path) -> None:
    device = describe_device(tmp_path)
    assert (device.board, device.governor) == ("", "")
    assert (device.temperature_c, device.throttling) == (None, ())
    assert device.name
    assert device.usable_cores >= 1
    assert device.memory_bytes > 0


def test_device_info_after_round_trip_through_json_is_equal() -> None:
    device = describe_device()
    data = msgspec.json.encode(device.to_dict())
    assert msgspec.json.decode(data, type=DeviceInfo) == device
    assert list(device.to_dict())[:3] == ["name", "board", "cpu"]


def test_describe_device_on_raspberry_pi_names_board_and_cores(tmp_path: Path) -> None:
    cores = "processor : 0\nFeatures : fp asimd fphp asimdhp asimddp\nCPU part : 0xd0b\n"
    board = "Raspberry Pi 5 Model B\0"
    write_files(tmp_path, {"proc/device-tree/model": board, "proc/cpuinfo": cores})
    device = describe_device(tmp_path)
    assert (device.name, device.cpu) == ("Raspberry Pi 5 Model B", "Cortex-A76")
    assert device.features == ("asimd", "fphp", "asimdhp", "asimddp")


def test_describe_device_removes_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = {"PRETTY_NAME": "Debian \x1b[31m12"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    write_files(tmp_path, {"proc/device-tree/model": "Pi\x1b[31m\0"})
    device = describe_device(tmp_path)
    assert device.os.startswith("Debian ") and device.os.isprintable()
    assert device.board == "Pi[31m"


def test_read_throttling_reports_hot_zones_and_active_cooling(tmp_path: Path) -> None:
    write_files(
        tmp_path,
        {
            f"{ZONE}/type": "cpu-thermal\n",
            f"{ZONE}/temp": "85000\n",
            f"{ZONE}/trip_point_0_type": "passive\n",
            f"{ZONE}/trip_point_0_temp": "80000\n",
            f"{FAN}/type": "pwm-fan",
            f"{FAN}/cur_state": "3",
            f"{CLOCK}/type": "cpufreq-cpu0",
            f"{CLOCK}/cur_state": "2",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        },
    )
    throttling = read_throttling(tmp_path)
    assert (throttling.governor, throttling.temperature_c) == ("ondemand", 85.0)
    hot_zone, cooling = throttling.reasons
    assert "80 °C" in hot_zone
    assert "cpufreq-cpu0" in cooling
    warnings = device_warnings(describe_device(tmp_path))
    assert "ondemand" in warnings[0]
    assert hot_zone in warnings[1]


@pytest.mark.parametrize(
    ("output", "reasons"),
    [
        ("throttled=0x0\n", 0),
        ("throttled=0x50005\n", 2),
        ("throttled=0x50000\n", 0),
        ("", 0),
        ("error", 0),
        ("a=zz", 0),
    ],
)
def test_parse_firmware_state_returns_current_reasons(output: str, reasons: int) -> None:
    assert len(parse_firmware_state(output)) == reasons


def test_device_warnings_names_load_and_32_bit_python() -> None:
    assert device_warnings(DeviceInfo(governor="performance", load_average=0.1)) == ()
    assert "load average 1.5" in device_warnings(DeviceInfo(load_average=1.5))[0]
    assert "32-bit" in device_warnings(DeviceInfo(bits=32))[0]


def test_installed_versions_contains_python_and_dependencies() -> None:
    assert {"edgeseg", "python", "numpy", "onnxruntime"} <= set(installed_versions())
