"""Inputs of `edgeseg run`: selection of photographs, and names of their results.

Files are recognized from their content, not from their suffix. Damaged files with the suffix of a
photograph are also inputs, so that they are reported as failed. Results of edgeseg, masks, videos
in a folder and other files are skipped and counted.
"""

from edgeseg.run.inputs.collect import CollectedInputs, collect_inputs
from edgeseg.run.inputs.folder import FolderScanner
from edgeseg.run.inputs.input import STDIN_NAME, STDIN_STEM, Input, path_text
from edgeseg.run.inputs.names import OverlayFormat, Part, output_file
from edgeseg.run.inputs.skipped import SkippedFiles

__all__ = [
    "STDIN_NAME",
    "STDIN_STEM",
    "CollectedInputs",
    "FolderScanner",
    "Input",
    "OverlayFormat",
    "Part",
    "SkippedFiles",
    "collect_inputs",
    "output_file",
    "path_text",
]
