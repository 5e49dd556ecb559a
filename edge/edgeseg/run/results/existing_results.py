"""Result files of earlier runs: reuse of their records, and protection from overwriting."""

from collections.abc import Iterable
from pathlib import Path

from edgeseg._version import __version__
from edgeseg.errors import PhotoError
from edgeseg.run.frame import Frame, Payload
from edgeseg.run.options import RunOptions
from edgeseg.run.results.output_folders import OutputFolders
from edgeseg.run.results.provenance import (
    Provenance,
    hash_options,
    hash_photo,
    is_foreign,
    read_records,
)
from edgeseg.run.results.record import Records
from edgeseg.run.results.record_builder import RecordBuilder, with_files
from edgeseg.segmenter import Segmenter


class ExistingResults:
    """Result files that may exist in the output folder before a frame is processed.

    Args:
        segmenter: model.
        options: options of the run.
        folders: output folders.
        records: builder of the records.
    """

    def __init__(
        self,
        segmenter: Segmenter,
        options: RunOptions,
        folders: OutputFolders,
        records: RecordBuilder,
    ) -> None:
        self._segmenter = segmenter
        self._options = options
        self._folders = folders
        self._records = records

    def provenance(self, frame: Frame, payload: Payload) -> Provenance:
        """Return the digests of the photograph, the model and the options of this run."""
        options = hash_options(
            {
                "threshold": self._segmenter.threshold,
                "runtime": self._segmenter.runtime_name,
                "version": __version__,
                **self._options.hashed_values(frame),
                **self._options.overlay_look,
            }
        )
        photograph = hash_photo(payload) if frame.dicom is None else frame.dicom.sha256
        return Provenance(photograph, self._segmenter.model_sha256, options)

    def check(self, files: Iterable[Path], name: str, provenance: Provenance | None) -> None:
        """Check that the result files of a frame may be written.

        Args:
            files: result files.
            name: name of the frame in error messages.
            provenance: digests of this run; None if they are unknown.

        Raises:
            PhotoError: A file is a link that may not be followed, belongs to another photograph, or
                was not written by edgeseg.
        """
        for file in files:
            self._folders.check(file, name)
            if provenance is not None:
                self._folders.check_target(file, name, provenance.photograph)
            if is_foreign(file):
                raise PhotoError(
                    f"{name}: refusing to overwrite {file}, which edgeseg did not write. "
                    "Move it or choose another folder with -o.",
                    code="not_overwritten",
                )

    def reuse(self, frame: Frame, files: dict[str, Path], provenance: Provenance) -> Records | None:
        """Return the records of earlier results that this run would reproduce, or None.

        Args:
            frame: frame to process.
            files: result files by part, with the vessel mask.
            provenance: digests of this run.
        """
        if not provenance.matches(files.values()):
            return None
        stored = read_records(files["vessels"])
        if stored is None or not self._would_reproduce(stored):
            return None
        reused = [self._records.reused(record, frame) for record in stored]
        return tuple(with_files(record, files, {}) for record in reused)

    def _would_reproduce(self, stored: Records) -> bool:
        """Return whether this run would also segment the fields of view of the stored records."""
        if self._options.skip_ungradable:
            return not any("ungradable" in record.warnings for record in stored)
        return all(record.status == "ok" for record in stored)
