"""Creation of a job: selection of the model, the number of workers and the inputs."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import psutil

from edgeseg.batch.collect import Cohort
from edgeseg.batch.job import JobFile, JobModel, JobOptions
from edgeseg.batch.job_input import encode_inputs
from edgeseg.batch.locations import is_remote
from edgeseg.device import cpu
from edgeseg.imaging.file_signatures import SIGNATURE_BYTES, is_dicom
from edgeseg.imaging.gzip_files import unpack_beginning
from edgeseg.models.catalog import SHIPPED_MODELS, PrecisionChoice
from edgeseg.models.loaded_file import load_file
from edgeseg.models.selection import select_model
from edgeseg.run.inputs import path_text
from edgeseg.runtimes.base import ProviderChoice, RuntimeChoice
from edgeseg.system.regular_files import open_regular_file

_BYTES_PER_PROCESS = 512 << 20  # memory of a worker process for photographs of 20 megapixels

_MAX_TASK_SIZE = 32
_MIN_TASKS = 64
_DICOM_SUFFIXES = (".dcm", ".dicom", ".dcm.gz", ".dicom.gz")


class ModelChoice(NamedTuple):
    """Model options on the command line."""

    model: str
    precision: PrecisionChoice
    runtime: RuntimeChoice
    provider: ProviderChoice | None
    threshold: float | None


def input_text(argument: str) -> str:
    """Return the input argument as an absolute path or pattern, as stored in the job file."""
    if is_remote(argument):
        return argument
    return path_text(Path(os.path.abspath(argument)))  # noqa: PTH100 - links are not resolved


def model_argument(model: str) -> str:
    """Return the name of a shipped model, or the absolute path of a model file."""
    return model if model in SHIPPED_MODELS else input_text(model)


def count_workers(workers: int | None, threads: int | None, provider: str | None) -> int:
    """Return the number of workers.

    The default is one worker per `threads` cores (or per core), but at most one per 512 MB of
    available memory. If a GPU is used, the default is one worker.
    """
    if workers is not None:
        return workers
    if provider not in (None, "cpu"):
        return 1
    by_cores = cpu.usable_cores() // (threads or 1)
    by_memory = psutil.virtual_memory().available // _BYTES_PER_PROCESS
    return max(1, min(by_cores, by_memory))


def resolve_job(
    argument: str,
    cohort: Cohort,
    options: JobOptions,
    choice: ModelChoice,
    threads: int,
) -> tuple[JobFile, bytes]:
    """Return a job and its encoded inputs.

    Args:
        argument: folder, pattern or manifest.
        cohort: inputs of the job.
        options: output options.
        choice: model options.
        threads: number of CPU threads of each worker.

    Raises:
        ModelError: The model does not exist or was rejected.
        SystemSetupError: The runtime is not installed.
    """
    selection = select_model(choice.model, choice.precision, choice.runtime, None, choice.provider)
    loaded = load_file(selection.file.path)
    provider = choice.provider
    if provider is None and selection.runtime == "onnxruntime":
        provider = "cpu"
    model = JobModel(
        argument=model_argument(choice.model),
        name=selection.file.name,
        sha256=loaded.sha256,
        precision=loaded.card.precision,
        runtime=selection.runtime,
        provider=provider,
        threads=threads,
        threshold=loaded.card.threshold if choice.threshold is None else choice.threshold,
    )
    encoded = encode_inputs(cohort.inputs)
    count = len(cohort.inputs)
    job = JobFile(
        input=input_text(argument),
        options=options,
        model=model,
        count=count,
        task_size=max(1, min(_MAX_TASK_SIZE, count // _MIN_TASKS)),
        inputs_sha256=hashlib.sha256(encoded).hexdigest(),
        columns=cohort.columns,
        dicom=options.measures and any(_is_dicom(Path(one.path)) for one in cohort.inputs),
    )
    return job, encoded


def _is_dicom(path: Path) -> bool:
    """Return whether an input is a DICOM file. The file is not read if it has such a suffix."""
    if path.name.lower().endswith(_DICOM_SUFFIXES):
        return True
    try:
        with open_regular_file(path) as file:
            beginning = file.read(SIGNATURE_BYTES)
    except OSError:  # the error is reported when the input is processed
        return False
    return is_dicom(unpack_beginning(beginning))


def given_values(given: Mapping[str, object]) -> dict[str, object]:
    """Return the options on the command line. The key is the name of the job's field.

    Args:
        given: values of the command's parameters. `auto` is omitted, because the job contains the
            selected value.
    """
    values: dict[str, object] = {}
    for name, value in given.items():
        if name == "model":
            values["argument"] = model_argument(str(value))
        elif name == "input":
            values["input"] = input_text(str(value))
        elif name in ("table", "html"):
            values[name] = input_text(str(value))
        elif value != "auto":
            values[name] = value
    return values
