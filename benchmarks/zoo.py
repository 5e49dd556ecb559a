"""Convert networks of other libraries and write the table of docs/convert.md (not part of CI).

    python3 -m venv zoo
    zoo/bin/pip install '.[export]' -r benchmarks/zoo-requirements.txt
    zoo/bin/python benchmarks/zoo.py -o zoo-results --write docs/convert.md

Some machines cannot download pre-trained weights. Each network therefore starts with random weights
from a fixed seed, and is trained on synthetic photographs for a few steps. In an untrained network,
many probabilities are close to the threshold, so that half precision changes more mask pixels than
in a real network. The result of each network is stored in the output folder, so that an interrupted
run can be continued.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from edgeseg.cli import cli
from edgeseg.preprocessing.config import PreprocessingConfig
from edgeseg.preprocessing.prepare import prepare
from edgeseg.synthetic import generate_photo
from zoo_networks import IMPORTS, NETWORKS, ZooNetwork

SEED = 0
BATCH, LEARNING_RATE = 4, 1e-3
PREPROCESSING = """\
size = {size}
mean = [0.485, 0.456, 0.406]
std = [0.229, 0.224, 0.225]
"""
HEADINGS = (
    "network",
    "parameters",
    "further options",
    "time, s",
    "FP32, MB",
    "FP16, MB",
    "difference FP32",
    "mask FP32",
    "mask FP16",
    "not published",
)
START, END = "<!-- table of benchmarks/zoo.py -->", "<!-- end -->"


@click.command()
@click.option(
    "-o",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the models and the results.",
)
@click.option("--size", type=int, default=256, show_default=True, help="Working size in pixels.")
@click.option("--steps", type=int, default=60, show_default=True, help="Number of training steps.")
@click.option("--precision", default="fp32,fp16", show_default=True, help="See `convert`.")
@click.option(
    "--data", help="Data set for the checks, see `convert`. [default: synthetic photographs]"
)
@click.option("--only", default="", help="Convert only networks whose name contains this text.")
@click.option(
    "--write",
    "page",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Replace the table in this Markdown page.",
)
def main(
    folder: Path,
    size: int,
    steps: int,
    precision: str,
    data: str | None,
    only: str,
    page: Path | None,
) -> None:
    """Convert every network without a stored result, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--precision", precision, *(("--data", data) if data else ())]
    results = []
    for network in NETWORKS:
        file = folder / f"{_slug(network)}.json"
        if only in network.name and not file.exists():
            result = convert_network(network, folder, size, steps, options)
            file.write_text(json.dumps(result, indent=2))
            click.echo(f"{network.library} {network.name}: {describe(result)}", err=True)
        if file.exists():
            results.append((network, json.loads(file.read_text())))
    table = "\n".join(format_table(results))
    click.echo(table)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        start, end = text.index(START) + len(START), text.index(END, text.index(START))
        page.write_text(f"{text[:start]}\n{table}\n{text[end:]}", encoding="utf-8")


def _slug(network: ZooNetwork) -> str:
    return re.sub(r"\W+", "_", f"{network.library}_{network.name}")


def convert_network(
    network: ZooNetwork, folder: Path, size: int, steps: int, options: Sequence[str]
) -> dict[str, Any]:
    """Create a checkpoint, and convert it without and then with the network's options.

    If the message suggests another working size, this size is tried.

    Returns:
        Options, exit code, seconds, parameters, and the output of `edgeseg convert --json`.
    """
    slug = _slug(network)
    code = folder / f"{slug}.py"
    source = f"{IMPORTS[network.library]}\n\nSIZE = {size}\n\n\ndef factory():\n"
    code.write_text(f"{source}    return {network.code}\n")
    (folder / "preprocessing.toml").write_text(PREPROCESSING.format(size=size))
    checkpoint = folder / f"{slug}.pt"
    try:
        parameters = save_trained_weights(code, checkpoint, size, steps)
    except Exception as error:  # the errors of the libraries have no common base class
        return {"options": [], "exit_code": None, "stderr": f"{type(error).__name__}: {error}"}
    arguments = [
        *("convert", str(checkpoint), "-o", str(folder), "--arch", f"{code}:factory"),
        *("--preprocessing", str(folder / "preprocessing.toml"), "--json", *options),
    ]
    result: dict[str, Any] = {}
    attempts = list(dict.fromkeys(((), network.options)))
    for further in attempts:
        started = time.monotonic()
        done = CliRunner().invoke(cli, [*arguments, *further])
        result = {
            "options": further,
            "exit_code": done.exit_code,
            "seconds": round(time.monotonic() - started, 1),
            "parameters": parameters,
            "stderr": done.stderr.strip() or repr(done.exception),
            "output": json.loads(done.stdout) if done.stdout.startswith("{") else None,
        }
        if done.exit_code == 0:
            break
        suggested = re.search(r"--size \d+", result["stderr"])
        if suggested and "--size" not in further:
            attempts.append((*further, *suggested[0].split()))
    checkpoint.unlink(missing_ok=True)
    return result


def save_trained_weights(code: Path, checkpoint: Path, size: int, steps: int) -> int:
    """Train a network for a few steps, save its weights, and return the number of weights."""
    torch.manual_seed(SEED)
    values: dict[str, Any] = {}
    exec(compile(code.read_text(), code, "exec"), values)  # noqa: S102 - written above
    network: nn.Module = values["factory"]()
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    photos, vessels = _load_batch(size)
    photos = photos[:, : first.in_channels]
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    network.train()
    for _ in range(steps):
        loss = nn.functional.binary_cross_entropy(_read_probability(network(photos), size), vessels)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    torch.save(network.state_dict(), checkpoint)
    return sum(parameter.numel() for parameter in network.parameters())


@cache
def _load_batch(size: int) -> tuple[Tensor, Tensor]:
    """Return synthetic photographs as network input (N, 3, S, S) and masks (N, S, S), float32."""
    config = PreprocessingConfig(size, crop="frame", fov="none", fill="keep")
    photos, masks = [], []
    for seed in range(BATCH):
        scene = generate_photo(seed, size)
        photos.append(prepare(scene.photo, config).tensor[0])
        masks.append(scene.truth > 0)
    mean, deviation = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
    normalized = (np.stack(photos) / 255 - mean) / deviation
    inputs = torch.from_numpy(normalized.astype(np.float32)).permute(0, 3, 1, 2)
    return inputs, torch.from_numpy(np.stack(masks).astype(np.float32))


def _read_probability(output: Any, size: int) -> Tensor:  # noqa: ANN401 - of any library
    """Return the vessel probability of a network's output, (N, S, S)."""
    if isinstance(output, dict):
        output = output["out"] if "out" in output else output["logits"]
    if isinstance(output, list | tuple):
        output = output[0]
    maps: Tensor = output
    if maps.shape[-1] != size:
        maps = nn.functional.interpolate(maps, (size, size), mode="bilinear")
    if maps.shape[1] == 2:
        return maps.softmax(1)[:, 1]
    is_probability = float(maps.min()) >= 0 and float(maps.max()) <= 1
    return maps[:, 0] if is_probability else maps[:, 0].sigmoid()


def describe(result: dict[str, Any]) -> str:
    """Describe a result in one line."""
    if result["exit_code"] == 0:
        return f"converted in {result['seconds']} s"
    return f"exit code {result['exit_code']}: {result['stderr'][-300:]}"


def format_table(results: Sequence[tuple[ZooNetwork, dict[str, Any]]]) -> Iterator[str]:
    """Yield the lines of the Markdown table, with one heading line for each library."""
    yield f"| {' | '.join(HEADINGS)} |"
    yield f"|{'---|' * len(HEADINGS)}"
    library = ""
    for network, result in results:
        if network.library != library:
            library = network.library
            yield f"| **{library}** |{' |' * (len(HEADINGS) - 1)}"
        yield f"| {' | '.join(_list_cells(network, result))} |"


def _list_cells(network: ZooNetwork, result: dict[str, Any]) -> Iterator[str]:
    files = {file["precision"]: file for file in (result.get("output") or {}).get("files", ())}
    yield network.name
    yield f"{result.get('parameters', 0) / 1e6:.1f} M"
    further = " ".join(result["options"])
    yield f"`{further}`" if further else "none"
    yield f"{result.get('seconds', 0):.0f}"
    for precision in ("fp32", "fp16w"):
        size = files.get(precision, {}).get("file_bytes", 0)
        yield f"{size / 1e6:.1f}" if size else ""
    yield _check_value(files, "fp32", "difference")
    for precision in ("fp32", "fp16"):
        yield _check_value(files, precision, "flipped")
    if not files:
        message = result["stderr"].splitlines()[-1].split(": ", 2)[-1]
        yield message.replace("|", "/")[:160]
        return
    reasons = []
    for precision, file in files.items():
        failed = [check["name"] for check in file["checks"] if not check["passed"]]
        if failed:
            reasons.append(f"{precision}: {', '.join(failed)}")
    yield "; ".join(reasons)


def _check_value(files: dict[str, Any], precision: str, name: str) -> str:
    for check in files.get(precision, {}).get("checks", ()):
        if check["name"] == name and check["value"] is not None:
            return f"{check['value']:.1g}"
    return ""


if __name__ == "__main__":
    main()
