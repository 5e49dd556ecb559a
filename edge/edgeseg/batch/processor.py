"""Processing of a task: segment its photographs, and write images and a part file."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from msgspec import UNSET

from edgeseg.batch.job import JobFile
from edgeseg.batch.job_input import JobInput
from edgeseg.batch.parts import InputRange, PartEntry, write_part
from edgeseg.batch.read_ahead import read_ahead
from edgeseg.errors import ModelError
from edgeseg.measures import Spacing
from edgeseg.run.frame import Frame
from edgeseg.run.inputs import Part
from edgeseg.run.options import RunOptions
from edgeseg.run.results.measures_table import relative_path
from edgeseg.run.results.record import Records, ResultFiles, ResultRecord
from edgeseg.run.sources.pages import split_pages
from edgeseg.run.stages import Stages
from edgeseg.segmenter import Segmenter
from edgeseg.system.files import make_folder, remove_stale_temporaries
from edgeseg.system.signals import StopRequest

if TYPE_CHECKING:
    from edgeseg.batch.remote_output import RemoteOutput


class TaskProcessor:
    """Processor of a job's tasks with one model.

    Args:
        output: output folder.
        job: job of this folder.
        remote: remote output folder for the results; None to keep them in `output`.

    Raises:
        ModelError: The model file differs from the file with which the job was created.
        SystemSetupError: The runtime or the provider of the job is not available.
    """

    def __init__(self, output: Path, job: JobFile, remote: "RemoteOutput | None" = None) -> None:
        self.output = output
        self.job = job
        self._remote = remote
        make_folder(output)
        remove_stale_temporaries(output)
        self._stages = Stages(_load_segmenter(job), _run_options(output, job), _parts(job), False)

    def process(
        self,
        start: int,
        inputs: Sequence[JobInput],
        advance: Callable[[Records], None],
        stop: StopRequest,
    ) -> InputRange:
        """Segment photographs and write their part file.

        Args:
            start: number of the first input.
            inputs: inputs to process.
            advance: callback for the records of each photograph.
            stop: stop request; the current photograph is finished.

        Returns:
            The processed inputs. After a stop request, some inputs are missing.

        Raises:
            SystemSetupError: The results cannot be written.
        """
        entries: list[PartEntry] = []
        for number, (one, load) in enumerate(read_ahead(inputs), start):
            if stop.asked:
                break
            records = self._process_input(one, load)
            entries.append(PartEntry(number, records))
            advance(records)
        done = InputRange(start, start + len(entries))
        if entries:
            write_part(self.output, done, entries)
            if self._remote is not None:
                self._remote.push_task(self.output, done, entries)
        return done

    def _process_input(self, one: JobInput, load: Callable[[], bytes]) -> Records:
        spacing = None
        if one.um_per_px is not None:
            spacing = Spacing(one.um_per_px, one.um_per_px, "manifest")
        frame = Frame(
            one.source,
            one.stem,
            load,
            spacing=spacing,
            eye=one.eye,
            eye_source=None if one.eye is None else "manifest",
        )
        records: list[ResultRecord] = []
        for page in split_pages(frame):
            records += [self._stored(record) for record in self._stages.process(page)]
        return tuple(records)

    def _stored(self, record: ResultRecord) -> ResultRecord:
        """Return a record without times, with paths relative to the output folder."""
        files = record.files
        if files is not UNSET:
            paths = {
                name: relative_path(path, self.output)
                for name, path in msgspec.to_builtins(files).items()
            }
            files = ResultFiles(**paths)
        timings = record.timings_ms if self.job.options.timings else UNSET
        return msgspec.structs.replace(record, files=files, time=UNSET, timings_ms=timings)


def open_remote(url: str | None) -> "RemoteOutput | None":
    """Return the remote output folder for a URL, or None if `url` is None."""
    if url is None:
        return None
    from edgeseg.batch.remote_output import RemoteOutput  # noqa: PLC0415 - needs fsspec

    return RemoteOutput(url)


def _load_segmenter(job: JobFile) -> Segmenter:
    model = job.model
    segmenter = Segmenter(
        model.argument, model.precision, model.runtime, model.threads, model.threshold,
        model.provider if model.runtime == "onnxruntime" else None,
    )  # fmt: skip
    if segmenter.model_sha256 != model.sha256:
        raise ModelError(
            f"{segmenter.file.path}: differs from the model file with which the job was created "
            f"(SHA-256 {segmenter.model_sha256[:16]}... instead of {model.sha256[:16]}...). "
            "Restore the file, or start the job again in another folder."
        )
    return segmenter


def _run_options(output: Path, job: JobFile) -> RunOptions:
    options = job.options
    scale = options.um_per_px
    return RunOptions(
        output,
        overlay=options.overlay,
        skip_ungradable=options.skip_ungradable,
        measures=options.measures,
        spacing=None if scale is None else Spacing(scale, scale),
        eye=options.eye,
    )


def _parts(job: JobFile) -> tuple[Part, ...]:
    parts: list[Part] = []
    if job.options.masks:
        parts.append("vessels")
    if job.options.overlay:
        parts.append("overlay")
    return tuple(parts)
