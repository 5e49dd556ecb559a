"""The HTTP API: results, failures and limits."""

from __future__ import annotations

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from starlette.testclient import TestClient

from edgeseg.imaging.encoder import encode_png
from edgeseg.imaging.overlay import draw_overlay
from edgeseg.imaging.photo import decode_mask, decode_photo
from edgeseg.run import stages
from edgeseg.segmenter import Segmenter
from edgeseg.server import upload_segmenter
from edgeseg.server.application import create_application
from edgeseg.server.upload import UploadReader
from edgeseg.synthetic import generate_photo

URL = "http://127.0.0.1:8000"
PNG = {"Accept": "image/png"}
BLACK_PNG = encode_png(np.zeros((64, 64, 3), np.uint8))
HUGE_GIF = b"GIF89a\x60\xea\x60\xea\0\0\0,\0\0\0\0\x60\xea\x60\xea\0\x02\0;"


def two_pages() -> bytes:
    pages = [generate_photo(seed, 200).photo for seed in (1, 2)]
    success, encoded = cv2.imencodemulti(".tiff", [page[:, :, ::-1] for page in pages])
    assert success
    return encoded.tobytes()


def form(data: bytes, name: str = "eye.png") -> dict[str, tuple[str, bytes]]:
    return {"photograph": (name, data)}


@pytest.mark.parametrize("as_form", [False, True])
def test_segment_returns_records(client: TestClient, photograph: bytes, as_form: bool) -> None:
    if as_form:
        response = client.post("/segment", files=form(photograph, "../../eyes\\my eye.png"))
    else:
        response = client.post("/segment", content=photograph)
    assert response.status_code == 200, response.text
    (record,) = response.json()
    assert record["source"] == ("my eye.png" if as_form else "photograph")
    assert (record["status"], record["fov_index"], record["width"]) == ("ok", 1, 400)
    assert "measures" not in record and "files" not in record


def test_segment_accepting_png_returns_mask_of_segmenter(
    client: TestClient, photograph: bytes, tiny_segmenter: Segmenter
) -> None:
    response = client.post("/segment?threshold=0.4", content=photograph, headers=PNG)
    assert response.headers["content-type"] == "image/png"
    expected = tiny_segmenter.with_threshold(0.4).segment(photograph).mask
    assert np.array_equal(decode_mask(response.content), expected)
    default = client.post("/segment", content=photograph, headers=PNG)
    assert default.content != response.content
    assert tiny_segmenter.threshold == 0.5


def test_segment_with_measures_returns_micrometres(client: TestClient, photograph: bytes) -> None:
    query = "measures=true&eye=OS&um_per_px=20&threshold=0.4"
    (record,) = client.post(f"/segment?{query}", content=photograph).json()
    assert (record["eye"], record["um_per_px"], record["threshold"]) == ("left", 20, 0.4)
    assert record["measures_status"] in {"ok", "ungradable", "not_vessels"}


def test_segment_returns_records_of_all_pages(client: TestClient) -> None:
    data = two_pages()
    records = client.post("/segment", content=data).json()
    assert [record["frame"] for record in records] == [1, 2]
    (second,) = client.post("/segment?frame=2", content=data).json()
    assert second["frame"] == 2 and second["vessel_density"] == records[1]["vessel_density"]
    assert client.post("/segment?frame=3", content=data).status_code == 400


def test_file_with_too_many_images_returns_413(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_segmenter, "MAX_IMAGES", 1)
    response = client.post("/segment", content=two_pages())
    assert response.status_code == 413
    assert response.json()["code"] == "too_many_pictures"


def test_segment_returns_records_of_dicom_frames(client: TestClient) -> None:
    data = dicom_of(np.stack([generate_photo(seed, 200).photo for seed in (1, 2)]))
    records = client.post("/segment?measures=1", content=data).json()
    assert [record["frame"] for record in records] == [1, 2]
    assert {(record["status"], record["eye"]) for record in records} == {("ok", "left")}
    assert client.post("/page/image?frame=2", content=data).status_code == 200
    assert "Doe" not in json.dumps(records)


def dicom_of(frames: npt.NDArray[np.uint8]) -> bytes:
    """Return a DICOM file with the RGB frames (N, H, W, 3)."""
    pydicom = pytest.importorskip("pydicom", reason="needs the extra 'dicom'")
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.SOPClassUID = pydicom.uid.MultiFrameTrueColorSecondaryCaptureImageStorage
    data.SOPInstanceUID = "1.2.3"
    data.PatientName, data.ImageLaterality = "Doe^Jane", "L"
    data.NumberOfFrames, data.Rows, data.Columns, data.SamplesPerPixel = frames.shape
    data.PhotometricInterpretation, data.PlanarConfiguration = "RGB", 0
    data.BitsAllocated = data.BitsStored = 8
    data.HighBit, data.PixelRepresentation = 7, 0
    data.PixelData = frames.tobytes()
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 422, "undecodable"),
        (b"text", 422, "undecodable"),
        (encode_png(generate_photo(0, 200).photo)[:-500], 422, "undecodable"),
        (BLACK_PNG, 422, "no_fundus"),
        (HUGE_GIF, 413, "too_large"),
        (b"\0\0\0\x18ftypheic\0\0\0\0heicmif1", 415, "unsupported_format"),
    ],
)
def test_failed_photograph_returns_its_record(
    client: TestClient, data: bytes, status: int, code: str
) -> None:
    for path in ("/segment", "/page/image", "/page/file"):
        response = client.post(path, files=form(data))
        assert response.status_code == status
        (record,) = response.json()
        assert (record["status"], record["reasons"]) == ("failed", [code])
        assert record["message"].startswith("eye.png: ")


def test_bug_returns_failed_record_and_logs_no_name(
    client: TestClient,
    photograph: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    name = "secret.png"

    def fail(*_: object) -> None:
        raise ZeroDivisionError(name)

    monkeypatch.setattr(stages, "assess_for_model", fail)
    response = client.post("/segment", files=form(photograph, name))
    assert response.status_code == 500
    assert response.json()[0]["reasons"] == ["internal_error"]
    printed = capfd.readouterr().err
    assert "ZeroDivisionError" in printed and "secret" not in printed


@pytest.mark.parametrize(
    "query",
    ["threshold=2", "threshold=nan", "threshold=x", "frame=0", "eye=both", "um_per_px=0",
     "um_per_px=inf&measures=1", "measures=perhaps", "unknown=1"],
)  # fmt: skip
def test_invalid_option_returns_400(client: TestClient, photograph: bytes, query: str) -> None:
    response = client.post(f"/segment?{query}", content=photograph)
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "invalid_request"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/*;q=0.5, image/png;q=0.1", 200),
        ("image/jpeg", 406),
        ("text/html,application/json;q=0", 406),
    ],
)
def test_accept_header_selects_type(
    client: TestClient, photograph: bytes, accept: str, status: int
) -> None:
    response = client.post("/segment", content=photograph, headers={"Accept": accept})
    assert response.status_code == status
    if status == 200:
        assert response.headers["content-type"] == "application/json"


def test_form_with_other_content_returns_400(client: TestClient, photograph: bytes) -> None:
    two = [("a", ("a.png", photograph)), ("b", ("b.png", photograph))]
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    responses = [
        client.post("/segment", files=two),
        client.post("/segment", data={"threshold": "0.4"}, files=form(photograph)),
        client.post("/segment", content=b"--x\r\n", headers=broken),
        client.post("/segment", content=b"--x", headers={"Content-Type": "multipart/form-data"}),
    ]
    assert [response.status_code for response in responses] == [400] * 4


@pytest.mark.parametrize("is_declared", [True, False])
def test_upload_above_limit_returns_413(tiny_segmenter: Segmenter, is_declared: bool) -> None:
    reader = UploadReader(max_bytes=1 << 16)
    large = bytes(1 << 18)
    with TestClient(create_application(tiny_segmenter, reader=reader), URL) as client:
        body = large if is_declared else iter([large[: 1 << 17], large[1 << 17 :]])
        response = client.post("/segment", content=body)
        assert response.status_code == 413
        assert response.json()["code"] == "upload_too_large"
    assert reader.held_bytes == 0


def test_upload_above_memory_for_all_returns_503(
    tiny_segmenter: Segmenter, photograph: bytes
) -> None:
    reader = UploadReader(max_bytes=1 << 20)
    reader.held_bytes = 1 << 20
    with TestClient(create_application(tiny_segmenter, reader=reader), URL) as client:
        response = client.post("/segment", content=photograph)
    assert response.status_code == 503 and int(response.headers["retry-after"]) > 0


def test_parallel_requests_return_the_masks_of_single_requests(
    client: TestClient, tiny_segmenter: Segmenter
) -> None:
    photographs = [encode_png(generate_photo(seed, 220).photo) for seed in range(6)] * 2
    with ThreadPoolExecutor(6) as pool:
        masks = list(
            pool.map(lambda data: client.post("/segment", content=data, headers=PNG), photographs)
        )
    for data, response in zip(photographs, masks, strict=True):
        assert np.array_equal(decode_mask(response.content), tiny_segmenter.segment(data).mask)


def test_page_file_zip_contains_mask_overlay_and_record(
    client: TestClient, photograph: bytes, tiny_segmenter: Segmenter
) -> None:
    query = "part=zip&threshold=0.45&colour=ff00aa&opacity=1&measures=1"
    response = client.post(f"/page/file?{query}", files=form(photograph))
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    names = ["eye_vessels.png", "eye_overlay.jpg", "eye_record.json"]
    assert archive.namelist() == names
    expected = tiny_segmenter.with_threshold(0.45).segment(photograph)
    assert np.array_equal(decode_mask(archive.read(names[0])), expected.mask)
    drawn = draw_overlay(expected.photo, expected.mask, (255, 0, 170), 1, "fill")
    overlay = decode_photo(archive.read(names[1])).astype(int)
    assert np.abs(overlay - drawn).mean() < 3
    assert json.loads(archive.read(names[2]))[0]["threshold"] == 0.45
    single = client.post("/page/file?part=mask&threshold=0.45", files=form(photograph))
    assert single.content == archive.read(names[0])


def test_save_writes_results_named_by_content(tiny_segmenter: Segmenter, tmp_path: Path) -> None:
    first, second = (encode_png(generate_photo(seed, 200).photo) for seed in (1, 2))
    application = create_application(tiny_segmenter, save=tmp_path)
    with TestClient(application, URL) as client:
        for data in (first, second, first):
            response = client.post("/segment", files=form(data, "../a b.png"))
            assert response.status_code == 200
        client.post("/page/file", files=form(photograph_of(9)))
    names = sorted(file.name for file in tmp_path.iterdir())
    assert len(names) == 4 and all(name.startswith("a_b_") for name in names)
    mask = Path(response.json()[0]["files"]["mask"])
    assert mask.parent == tmp_path
    expected = tiny_segmenter.segment(first).mask
    assert np.array_equal(decode_mask(mask.read_bytes()), expected)


def photograph_of(seed: int) -> bytes:
    return encode_png(generate_photo(seed, 200).photo)


def test_health_and_model_return_their_structures(
    client: TestClient, tiny_segmenter: Segmenter
) -> None:
    assert client.get("/health").json() == {"status": "ok", "waiting": 0, "running": 0}
    model = client.get("/model").json()
    assert (model["model_sha256"], model["threshold"]) == (tiny_segmenter.model_sha256, 0.5)


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), ("/segment", 405)])
def test_unknown_path_or_method_returns_problem(client: TestClient, path: str, status: int) -> None:
    response = client.get(path)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
