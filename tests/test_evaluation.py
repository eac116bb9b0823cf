"""Rate-distortion figures."""

import json
import math
from pathlib import Path

import pytest
from PIL import Image

from confcodec.codec.codec import Codec
from confcodec.lab.evaluation import Point, bd_rate, measure
from tests.conftest import picture


def curve(factor: float, low: float = 28.0) -> list[Point]:
    rows = [(0.1, low), (0.2, low + 3), (0.4, low + 6), (0.8, low + 9)]
    return [Point("x", i, factor * rate, db, 0, 0) for i, (rate, db) in enumerate(rows)]


def test_half_the_rate_at_equal_psnr_is_minus_fifty_percent() -> None:
    assert bd_rate(curve(1.0), curve(0.5)) == pytest.approx(-50)
    assert bd_rate(curve(1.0), curve(1.0)) == pytest.approx(0)
    assert bd_rate(curve(0.5), curve(1.0)) == pytest.approx(100)


def test_curves_that_share_no_psnr_have_no_difference() -> None:
    assert math.isnan(bd_rate(curve(1.0), curve(1.0, low=60)))


def test_a_point_is_the_mean_of_whole_bytes() -> None:
    codec, pictures = Codec.load("jpeg"), [picture(64, 80, 0), picture(80, 64, 1)]
    point = measure(codec, pictures, 30)
    sizes = [8 * len(codec.encode(pixels, 30)) / (64 * 80) for pixels in pictures]
    assert point.bpp == pytest.approx(sum(sizes) / 2)
    assert point.encode_ms > 0


def test_the_command_writes_points_and_differences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from confcodec.cli import main

    Image.fromarray(picture(64, 80)).save(tmp_path / "a.png")
    out = tmp_path / "out.json"
    options = ["--codecs", "webp,jpeg", "--qualities", "5,20,40,60", "--json", str(out)]
    assert main(["eval", str(tmp_path), *options]) == 0
    report = json.loads(out.read_text())
    assert len(report["points"]) == 8
    assert report["bd_rate_percent"]["webp against jpeg"] < 0
    assert "BD-rate of webp against jpeg" in capsys.readouterr().out


@pytest.mark.parametrize("options", [["--codecs", "gif"], ["--qualities", "64"]])
def test_bad_options_are_one_clear_line(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from confcodec.cli import main

    assert main(["eval", str(tmp_path), *options]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
