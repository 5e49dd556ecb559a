from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgeseg.device import DeviceInfo, describe_device, device_warnings, installed_versions
from edgeseg.device.throttling import from_firmware, read_throttling
from edgeseg.fields import Fields


def _write(root: Path, **files: str) -> None:
    for name, text in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_an_empty_system_tells_nothing_and_breaks_nothing(tmp_path: Path) -> None:
    device = describe_device(tmp_path)
    assert (device.board, device.governor, device.temperature_c, device.throttling) == (
        "",
        "",
        None,
        (),
    )
    assert device.name
    assert device.usable_cores >= 1
    assert device.memory_bytes > 0


def test_this_device_is_read_back_as_it_was() -> None:
    device = describe_device()
    assert (
        DeviceInfo.from_dict(Fields(json.loads(json.dumps(device.to_dict(), allow_nan=False))))
        == device
    )


def test_a_board_tells_its_name_and_its_cores(tmp_path: Path) -> None:
    cores = "processor : 0\nFeatures : fp asimd fphp asimdhp asimddp\nCPU part : 0xd0b\n"
    _write(
        tmp_path, **{"proc__device-tree__model": "Raspberry Pi 5 Model B\0", "proc__cpuinfo": cores}
    )
    _write(tmp_path, **{"etc__os-release": 'NAME=x\nPRETTY_NAME="Debian \x1b[31m12"\n'})
    device = describe_device(tmp_path)
    assert (device.name, device.cpu) == ("Raspberry Pi 5 Model B", "Cortex-A76")
    assert device.features == ("asimd", "fphp", "asimdhp", "asimddp")
    assert "\x1b" not in device.os


def test_heat_and_governor_are_told(tmp_path: Path) -> None:
    zone, core = (
        "sys__class__thermal__thermal_zone0__",
        "sys__devices__system__cpu__cpu0__cpufreq__",
    )
    _write(
        tmp_path,
        **{
            f"{zone}type": "cpu-thermal\n",
            f"{zone}temp": "85000\n",
            f"{core}scaling_governor": "ondemand\n",
        },
    )
    _write(
        tmp_path, **{f"{zone}trip_point_0_type": "passive\n", f"{zone}trip_point_0_temp": "80000\n"}
    )
    fan, clock = "sys__class__thermal__cooling_device0__", "sys__class__thermal__cooling_device1__"
    _write(tmp_path, **{f"{fan}type": "pwm-fan", f"{fan}cur_state": "3"})
    _write(tmp_path, **{f"{clock}type": "cpufreq-cpu0", f"{clock}cur_state": "2"})
    heat = read_throttling(tmp_path)
    assert (heat.governor, heat.temperature_c) == ("ondemand", 85.0)
    assert len(heat.reasons) == 2
    assert "80 °C" in heat.reasons[0]
    assert "cpufreq-cpu0" in heat.reasons[1]
    said = " ".join(device_warnings(describe_device(tmp_path)))
    assert "ondemand, not performance" in said
    assert "held down" in said


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        ("throttled=0x0\n", 0),
        ("throttled=0x50005\n", 2),
        ("throttled=0x50000\n", 0),
        ("", 0),
        ("error", 0),
        ("a=zz", 0),
    ],
)
def test_what_a_raspberry_pis_firmware_says_now(said: str, reasons: int) -> None:
    assert len(list(from_firmware(said))) == reasons


def test_what_makes_figures_doubtful() -> None:
    assert device_warnings(DeviceInfo(governor="performance", load_average=0.1)) == ()
    assert "load average 1.5" in device_warnings(DeviceInfo(load_average=1.5))[0]
    assert "32-bit" in device_warnings(DeviceInfo(bits=32))[0]


def test_versions_name_python_and_what_computes() -> None:
    assert {"edgeseg", "python", "numpy", "onnxruntime"} <= set(installed_versions())
