"""Videos and streams: Motion JPEG, and MPEG-4 files that FFmpeg reads."""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from edgeseg.errors import PhotoError
from edgeseg.imaging.encoder import encode_jpeg
from edgeseg.imaging.jpeg_markers import JpegSplitter
from edgeseg.imaging.photo import decode_photo
from edgeseg.run.frame import Payload
from edgeseg.run.sources.stdin import split_stream
from edgeseg.run.sources.video import Video
from edgeseg.system.signals import StopRequest
from fuzz.reader import Reader
from fuzz.readers.images import compare_images
from fuzz.sample_images import make_image

_FRAMES = 5
_BLOCK_BYTES = 4096


def _images() -> list[np.ndarray]:
    return [np.roll(make_image(), 9 * number, axis=1) for number in range(_FRAMES)]


def _write_video(suffix: str, codec: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"video{suffix}")
        height, width = make_image().shape[:2]
        writer = cv2.VideoWriter(str(file), cv2.VideoWriter.fourcc(*codec), 10.0, (width, height))
        for image in _images():
            writer.write(image)
        writer.release()
        return file.read_bytes()


def _write_stream() -> bytes:
    return b"".join(encode_jpeg(image) for image in _images())


def _decode(payloads: Iterable[Payload]) -> tuple[object, ...]:
    images = []
    for payload in payloads:
        images.append(decode_photo(payload) if isinstance(payload, bytes) else payload)
    return tuple(images)


def _read_video(suffix: str, data: bytes, folder: Path) -> object:
    file = folder / f"video{suffix}"
    file.write_bytes(data)
    video = Video(file, file.name, file.stem)
    return _decode(frame.load() for frame in video.frames(StopRequest()))


def _read_stream(data: bytes, _folder: Path) -> object:
    blocks = [data[start : start + _BLOCK_BYTES] for start in range(0, len(data), _BLOCK_BYTES)]
    images = _decode(split_stream([], JpegSplitter(), iter(blocks)))
    if not images:
        raise PhotoError("no frame")
    return images


def _video_reader(name: str, suffix: str, codec: str) -> Reader:
    read = partial(_read_video, suffix)
    return Reader(name, _write_video(suffix, codec), read, compare=compare_images)


def _file_of_jpegs(name: str) -> Reader:
    read = partial(_read_video, ".mjpeg")
    return Reader(name, _write_stream(), read, compare=compare_images)


def _stream_reader(name: str) -> Reader:
    return Reader(name, _write_stream(), _read_stream, compare=compare_images)


READERS: Mapping[str, Callable[[str], Reader]] = {
    "video, MJPEG in AVI": partial(_video_reader, suffix=".avi", codec="MJPG"),
    "video, .mjpeg": _file_of_jpegs,
    "JPEG stream": _stream_reader,
    "video, MPEG-4 in MP4": partial(_video_reader, suffix=".mp4", codec="mp4v"),
    "video, MPEG-4 in AVI": partial(_video_reader, suffix=".avi", codec="XVID"),
}
