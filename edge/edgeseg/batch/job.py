"""Job file `job.json`, which describes a job and never changes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edgeseg._version import __version__
from edgeseg.batch.job_input import InputFile
from edgeseg.batch.manifest_table import ManifestColumn
from edgeseg.errors import SystemSetupError, UsageError, escape_text, one_line
from edgeseg.measures.eye import Eye
from edgeseg.models.card import Precision
from edgeseg.runtimes.base import ProviderChoice, RuntimeName
from edgeseg.system.decoding import prepare_decoding
from edgeseg.system.files import create_exclusively, make_folder, write_atomically
from edgeseg.system.regular_files import read_regular_file

JOB_NAME = "job.json"

STATE_FOLDER = ".edgeseg-batch"
"""Sub-folder of the output folder for the list of inputs, part files and locks."""

_Positive = Annotated[int, msgspec.Meta(ge=1)]


class JobModel(msgspec.Struct, frozen=True):
    """Model of a job, with runtime and threads.

    Attributes:
        argument: name of a shipped model, or absolute path of a model file.
        name: name of the model in records.
        sha256: SHA-256 of the model file, hexadecimal.
        precision: precision of the file.
        runtime: runtime that executes the network.
        provider: execution provider of ONNX Runtime; None for other runtimes.
        threads: number of CPU threads of each worker.
        threshold: vessel probability threshold.
    """

    argument: str
    name: str
    sha256: str
    precision: Precision
    runtime: RuntimeName
    provider: ProviderChoice | None
    threads: _Positive
    threshold: float


class JobOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Output options of a job.

    Attributes:
        masks: whether to write the mask of each photograph.
        overlay: whether to write an overlay of each photograph.
        measures: whether to measure the vessels.
        timings: whether the table contains the time per stage.
        skip_ungradable: whether to skip fields of view of low quality.
        um_per_px: size of a pixel in micrometres for all photographs; None to use the
            value in the manifest.
        eye: eye of all photographs; None to use the value in the manifest.
        table: absolute path of the table; None for `results.csv`.
        html: absolute path of the cohort page; None to write no page.
    """

    masks: bool = True
    overlay: bool = False
    measures: bool = False
    timings: bool = False
    skip_ungradable: bool = False
    um_per_px: float | None = None
    eye: Eye | None = None
    table: str | None = None
    html: str | None = None


class JobFile(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `job.json`.

    Attributes:
        schema: format of the file.
        edgeseg_version: version of edgeseg that created the job. All workers require this version.
        input: absolute path or pattern of the inputs.
        options: output options.
        model: model with runtime and threads.
        count: number of inputs.
        task_size: number of inputs of a task.
        inputs_sha256: SHA-256 of the list of inputs. The file name contains the first 16 digits.
        columns: columns of the manifest.
        dicom: whether the job has measurements and an input is a DICOM file, which may contain the
            eye and the pixel size.
    """

    schema: Literal["edgeseg/job/1"] = "edgeseg/job/1"
    edgeseg_version: str = __version__
    input: str
    options: JobOptions
    model: JobModel
    count: _Positive
    task_size: _Positive
    inputs_sha256: str
    columns: tuple[ManifestColumn, ...] = ()
    dicom: bool = False

    @property
    def has_scale(self) -> bool:
        """True if the table contains columns in micrometres."""
        names = [column.name for column in self.columns]
        return self.dicom or self.options.um_per_px is not None or "um_per_px" in names

    @property
    def has_eye(self) -> bool:
        """True if the table contains the anatomical names of the quadrants."""
        names = [column.name for column in self.columns]
        return self.dicom or self.options.eye is not None or "eye" in names


def with_outputs(job: JobFile, **paths: str) -> JobFile:
    """Return a copy of the job with another `table` or `html` (absolute paths)."""
    options = msgspec.structs.replace(job.options, **paths)
    return msgspec.structs.replace(job, options=options)


def inputs_path(output: Path, sha256: str) -> Path:
    """Return the path of the list of inputs."""
    return output / STATE_FOLDER / f"inputs-{sha256[:16]}.jsonl"


def open_inputs(output: Path, job: JobFile) -> InputFile:
    """Open the list of a job's inputs.

    Raises:
        SystemSetupError: The list is missing, cannot be read, or has been changed.
    """
    path = inputs_path(output, job.inputs_sha256)
    if not path.exists():
        raise SystemSetupError(
            f"{output / STATE_FOLDER}: the state of the job was deleted. Start a new job in "
            "another folder."
        )
    return InputFile(path, job.inputs_sha256)


def create_job(output: Path, job: JobFile, encoded: bytes) -> bool:
    """Write a job's inputs and then `job.json`. An existing `job.json` is not replaced.

    Args:
        output: output folder, created if it does not exist.
        job: job to write.
        encoded: inputs of the job, as returned by `encode_inputs`.

    Returns:
        Whether this call created the job.

    Raises:
        SystemSetupError: The files cannot be written.
    """
    make_folder(output / STATE_FOLDER)
    listed = inputs_path(output, job.inputs_sha256)
    write_atomically(listed, encoded, follow_links=False)
    content = msgspec.json.format(msgspec.json.encode(job), indent=2) + b"\n"
    return create_exclusively(output / JOB_NAME, content)


def read_job(output: Path) -> JobFile | None:
    """Read the job of an output folder. Return None if the folder contains no job.

    Raises:
        SystemSetupError: The file is damaged, or another version of edgeseg created the job.
    """
    path = output / JOB_NAME
    try:
        job = msgspec.json.decode(read_regular_file(path), type=JobFile)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise SystemSetupError(
            f"{path}: not a readable job file ({one_line(error)}). Choose another folder with -o."
        ) from error
    if job.edgeseg_version != __version__:
        raise SystemSetupError(
            f"{path}: the job was created with edgeseg {job.edgeseg_version}, not with this "
            f"version ({__version__}). Install that version, or start the job again in "
            "another folder."
        )
    return job


def check_options(location: str, job: JobFile, given: Mapping[str, object]) -> None:
    """Check that options have the same values as in a job.

    Args:
        location: path or URL of the output folder, for the message.
        job: job of this folder.
        given: options on the command line. The key is the name of the field in the job.

    Raises:
        UsageError: An option differs; the message contains both values.
    """
    values: dict[str, object] = {
        "input": job.input,
        **msgspec.structs.asdict(job.options),
        **msgspec.structs.asdict(job.model),
    }
    for name, value in given.items():
        if value != values[name]:
            raise UsageError(
                f"{location}/{JOB_NAME}: {_option(name)} is {_shown(values[name])} in this job, "
                f"not {_shown(value)}. Omit the option, or start another job in another folder."
            )


def _option(name: str) -> str:
    return {"input": "INPUT", "argument": "--model"}.get(name, f"--{name.replace('_', '-')}")


def _shown(value: object) -> str:
    words: dict[object, str] = {None: "not set", True: "on", False: "off"}
    if value is None or isinstance(value, bool):
        return words[value]
    return escape_text(str(value), 200)


prepare_decoding(JobFile)
