"""Convert networks of other libraries and write the table of docs/convert.md. Rerun it by hand.

    python3 -m venv zoo
    zoo/bin/pip install '.[export]' -r benchmarks/zoo-requirements.txt
    zoo/bin/python benchmarks/zoo.py -o zoo-results --write docs/convert.md

Each network gets random weights from a fixed seed, because pre-trained weights may not be
downloaded everywhere. BatchNorm's statistics are measured on a photograph, and the last convolution
is scaled so that its output has the mean -2 and the standard deviation 2: a mask of random weights
would otherwise mark all pixels or none, with probabilities close to the threshold. The result of
each network is stored in the output folder, so that an interrupted run continues.
"""

import json
import re
import time
from collections.abc import Iterator, Sequence
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
LOGIT_MEAN, LOGIT_DEVIATION = -2.0, 2.0
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
@click.option("--precision", default="fp32,fp16", show_default=True, help="As in `convert`.")
@click.option("--data", help="As in `convert`.  [default: synthetic photographs]")
@click.option("--only", default="", help="Convert only networks whose name contains this text.")
@click.option(
    "--write",
    "page",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Replace the table in this Markdown page.",
)
def main(
    folder: Path, size: int, precision: str, data: str | None, only: str, page: Path | None
) -> None:
    """Convert every network that has no result yet, and print the table."""
    folder.mkdir(parents=True, exist_ok=True)
    options = ["--precision", precision, *(("--data", data) if data else ())]
    results = []
    for network in NETWORKS:
        file = folder / f"{_slug(network)}.json"
        if only in network.name and not file.exists():
            result = convert_network(network, folder, size, options)
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
    network: ZooNetwork, folder: Path, size: int, options: Sequence[str]
) -> dict[str, Any]:
    """Create a checkpoint with random weights and convert it, first without further options.

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
        parameters = save_random_weights(code, checkpoint, size)
    except Exception as error:  # the libraries' errors share no base class
        return {"options": [], "exit_code": None, "stderr": f"{type(error).__name__}: {error}"}
    arguments = [
        *("convert", str(checkpoint), "-o", str(folder), "--arch", f"{code}:factory"),
        *("--preprocessing", str(folder / "preprocessing.toml"), "--json", *options),
    ]
    result: dict[str, Any] = {}
    for further in dict.fromkeys(((), network.options)):
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
    checkpoint.unlink()
    return result


def save_random_weights(code: Path, checkpoint: Path, size: int) -> int:
    """Save a network's random weights and return their number."""
    torch.manual_seed(SEED)
    values: dict[str, Any] = {}
    exec(compile(code.read_text(), code, "exec"), values)  # noqa: S102 - written above
    network: nn.Module = values["factory"]()
    first = next(module for module in network.modules() if isinstance(module, nn.Conv2d))
    photo = _prepare_photo(size)[:, : first.in_channels].repeat(2, 1, 1, 1)
    with torch.inference_mode():
        network.train()
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = None  # the mean over all photographs
        network(photo)
        network.eval()
        _scale_last_convolution(network, photo)
    torch.save(network.state_dict(), checkpoint)
    return sum(parameter.numel() for parameter in network.parameters())


def _prepare_photo(size: int) -> Tensor:
    """Return a synthetic photograph as network input: (1, 3, size, size) float32."""
    config = PreprocessingConfig(size)
    pixels = prepare(generate_photo(SEED, 2 * size).photo, config).tensor
    mean, deviation = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))
    normalized = (pixels / 255 - mean) / deviation
    return torch.from_numpy(normalized.astype(np.float32)).permute(0, 3, 1, 2)


def _scale_last_convolution(network: nn.Module, photo: Tensor) -> None:
    """Scale the convolution that is computed last to a given mean and standard deviation."""
    outputs: list[tuple[nn.Module, Tensor]] = []
    hooks = [
        module.register_forward_hook(lambda module, _, output: outputs.append((module, output)))
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    network(photo)
    for hook in hooks:
        hook.remove()
    last, output = outputs[-1]
    factor = LOGIT_DEVIATION / float(output.std())
    last.weight.mul_(factor)
    if last.bias is not None:
        last.bias.sub_(output.mean()).mul_(factor).add_(LOGIT_MEAN)


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
        yield result["stderr"].splitlines()[-1].replace("|", "/")[-200:]
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
