"""The evaluator's figures against other programs' and other ways to compute them.

JPEG and WebP once more by OpenCV, JPEG 2000 and AVIF by Pillow, which bring encoders and decoders of
their own; PSNR and BD-rate in double precision by the textbook.
"""

import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from scipy.interpolate import PchipInterpolator

from confcodec.cli import main
from confcodec.codec.frame import Pixels
from confcodec.lab.evaluation.rows import Settings, load_codec, measure_row
from confcodec.media.demo.pose import pose_at
from confcodec.media.demo.scene import Scene
from confcodec.media.picture import read_picture
from tests.conftest import picture


def by_opencv(suffix: str, options: list[int]) -> Callable[[Pixels, int], bytes]:
    """A file that OpenCV writes with options and, last, a quality of the format's own."""

    def write(pixels: Pixels, quality: int) -> bytes:
        bgr = np.ascontiguousarray(pixels[..., ::-1])
        return bytes(cv2.imencode(suffix, bgr, [*options, quality])[1].tobytes())

    return write


def jpeg2000(pixels: Pixels, db: float) -> bytes:
    out = io.BytesIO()
    options = {"quality_mode": "dB", "quality_layers": [db], "irreversible": True}
    Image.fromarray(pixels).save(out, "JPEG2000", no_jp2=True, mct=1, **options)
    return out.getvalue()


def avif(pixels: Pixels, quality: int) -> bytes:
    out = io.BytesIO()
    options = {"subsampling": "4:4:4", "codec": "aom", "speed": 8, "max_threads": 1}
    Image.fromarray(pixels).save(out, "AVIF", quality=quality, **options)
    return out.getvalue()


JPEG = [cv2.IMWRITE_JPEG_OPTIMIZE, 1, cv2.IMWRITE_JPEG_SAMPLING_FACTOR]
WRITERS: dict[str, Callable[[Pixels, int], bytes]] = {
    "jpeg": by_opencv(".jpg", [*JPEG, 0x111111, cv2.IMWRITE_JPEG_QUALITY]),
    "jpeg:420": by_opencv(".jpg", [*JPEG, 0x221111, cv2.IMWRITE_JPEG_QUALITY]),
    "webp": by_opencv(".webp", [cv2.IMWRITE_WEBP_QUALITY]),
    "jpeg2000": jpeg2000,
    "avif": avif,
}


def psnr_of(a: Pixels, b: npt.NDArray[np.uint8]) -> float:
    return float(10 * np.log10(255**2 / np.mean((a - b.astype(np.float64)) ** 2)))


def decoded(data: bytes, codec: str) -> npt.NDArray[np.uint8]:
    if codec in ("jpeg2000", "avif"):
        return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
    flat = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert flat is not None
    return np.asarray(flat[..., ::-1], np.uint8)


@pytest.fixture(scope="module")
def portrait() -> Pixels:
    """A frame of the demo: a photograph before a photograph."""
    return Scene((320, 240)).picture(pose_at(3.0), 3)


@pytest.mark.parametrize("quality", [10, 30, 50])
@pytest.mark.parametrize(
    ("codec", "native"),
    [
        ("jpeg", lambda q: round(1 + q * 96 / 63)),
        ("jpeg:420", lambda q: round(1 + q * 96 / 63)),
        ("webp", lambda q: round(1 + q * 96 / 63)),
        ("jpeg2000", lambda q: 25 + 27 * q / 63),
        ("avif", lambda q: round(99 * q / 63)),
    ],
)
def test_a_classical_codec_costs_and_gives_what_other_programs_say(
    codec: str, native: Callable[[int], int], quality: int, portrait: Pixels
) -> None:
    row = measure_row(load_codec(codec, Settings()), portrait, quality)
    data = WRITERS[codec](portrait, native(quality))
    # Other releases of the same libraries, and other headers.
    assert row.bytes == pytest.approx(len(data), rel=0.05, abs=60)
    assert row.psnr_db == pytest.approx(
        psnr_of(portrait, decoded(data, codec)), abs=0.15
    )
    assert row.bpp == 8 * row.bytes / portrait[..., 0].size


def test_means_and_bd_rate_are_those_of_the_textbook(
    portrait: Pixels, tmp_path: Path
) -> None:
    folder, out = tmp_path / "pictures", tmp_path / "out.json"
    folder.mkdir()
    for i, pixels in enumerate((portrait, picture(120, 160))):
        Image.fromarray(pixels).save(folder / f"{i}.png")
    qualities = (5, 20, 35, 50)
    options = ["--codecs", "webp,jpeg", "--qualities", ",".join(map(str, qualities))]
    options += ["--rows", str(tmp_path / "rows"), "--json", str(out)]
    assert main(["eval", str(folder), *options]) == 0
    report = json.loads(out.read_text())
    curves = {}
    for codec in ("webp", "jpeg"):
        expected = []
        for quality in qualities:
            native, rates, db = round(1 + quality * 96 / 63), [], []
            for path in sorted(folder.iterdir()):
                pixels = read_picture(path)
                file = tmp_path / "coded"
                file.write_bytes(WRITERS[codec](pixels, native))
                rates.append(file.stat().st_size * 8 / pixels[..., 0].size)
                db.append(psnr_of(pixels, decoded(file.read_bytes(), codec)))
            expected.append((np.mean(rates), np.mean(db)))
        curves[codec] = np.array(expected)
        points = [p for p in report["points"] if p["codec"] == codec]
        found = np.array([(p["bpp"], p["psnr_db"]) for p in points])
        assert found == pytest.approx(curves[codec], rel=0.01)
    low = max(curve[0, 1] for curve in curves.values())
    high = min(curve[-1, 1] for curve in curves.values())
    grid = np.linspace(low, high, 20_001)
    logs = [PchipInterpolator(c[:, 1], np.log(c[:, 0]))(grid) for c in curves.values()]
    bd_rate = 100 * (np.exp(np.mean(logs[0] - logs[1])) - 1)
    found_rate = report["bd_rate_percent"]["webp against jpeg"]
    assert found_rate == pytest.approx(bd_rate, abs=0.5)
