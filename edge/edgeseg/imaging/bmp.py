"""Check of run-length encoded BMP files for missing pixels.

If pixels are missing, OpenCV reports no error and sets them to the first colour of the palette.
"""

import re

RLE8, RLE4 = 1, 2  # values of the compression field in the header

_END_OF_LINE, _END_OF_IMAGE, _DELTA = 0, 1, 2
_RUNS = re.compile(rb"(?:[^\x00].)*", re.DOTALL)


def is_rle_complete(data: bytes, position: int, size: tuple[int, int], compression: int) -> bool:
    """Return whether the run-length codes set each pixel once and end with the end code.

    Args:
        data: bytes of the file.
        position: offset of the first code.
        size: width and height in pixels.
        compression: `RLE8` or `RLE4`.

    Raises:
        IndexError: The codes are truncated.
    """
    width, height = size
    row, column = 0, 0
    while True:
        runs = _RUNS.match(data, position)
        assert runs is not None  # the pattern also matches an empty text
        column += sum(data[position : runs.end() : 2])
        position = runs.end()
        code = data[position + 1]
        position += 2
        if column > width or code == _DELTA:  # a delta skips pixels
            return False
        if code == _END_OF_LINE:
            if column != width:
                return False
            row += 1
            column = 0
        elif code == _END_OF_IMAGE:
            return (row, column) in {(height - 1, width), (height, 0)}
        else:
            column += code
            stored = code if compression == RLE8 else (code + 1) // 2
            position += stored + stored % 2
