"""The evaluator: figures that add up, are kept, and are drawn."""

import csv
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from confcodec.cli import main
from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec
from confcodec.errors import ConfcodecError
from confcodec.lab.evaluation import rows as evaluation
from confcodec.lab.evaluation.curves import bd_rate, groups_of, psnr_at, share_above
from confcodec.lab.evaluation.plots import in_db, is_kodak, plot
from confcodec.lab.evaluation.rows import (
    Point,
    Row,
    Settings,
    append_rows,
    load_codec,
    mean_point,
    measure,
    measure_row,
    read_rows,
)
from confcodec.lab.evaluation.sheet import at_rate
from tests.conftest import picture


def curve(factor: float, low: float = 28.0) -> list[Point]:
    rows = [(0.1, low), (0.2, low + 3), (0.4, low + 6), (0.8, low + 9)]
    return [
        Point("x", i, factor * rate, db, 0.9, 0, 0) for i, (rate, db) in enumerate(rows)
    ]


def row(name: str, size: tuple[int, int] = (64, 80)) -> Row:
    pixels = picture(*size, seed=len(name))
    return measure_row(Codec.load("jpeg"), pixels, 30, name, name)


def width_of(path: Path) -> int:
    with Image.open(path) as image:
        return image.width


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "pictures"
    path.mkdir()
    for i, name in enumerate(("w_0", "w_1", "s_0")):
        Image.fromarray(picture(180, 200, i)).save(path / f"{name}.png")
    return path


def test_half_the_rate_at_equal_psnr_is_minus_fifty_percent() -> None:
    assert bd_rate(curve(1.0), curve(0.5)) == pytest.approx(-50)
    assert bd_rate(curve(1.0), curve(1.0)) == pytest.approx(0)
    assert bd_rate(curve(0.5), curve(1.0)) == pytest.approx(100)


def test_curves_that_share_no_psnr_have_no_difference() -> None:
    assert math.isnan(bd_rate(curve(1.0), curve(1.0, low=60)))


def test_a_curve_is_read_off_inside_its_ends_alone() -> None:
    assert psnr_at(curve(1.0), 0.2) == pytest.approx(31)
    assert 31 < psnr_at(curve(1.0), 0.3) < 34
    assert math.isnan(psnr_at(curve(1.0), 0.05))
    assert math.isnan(psnr_at(curve(1.0), 0.9))


def test_a_curve_lies_above_another_where_both_are() -> None:
    better = [replace(p, psnr_db=p.psnr_db + 1) for p in curve(1.0)]
    assert share_above(curve(1.0), better, 0.1, 0.8) == (1.0, 1.0)
    assert share_above(better, curve(1.0), 0.1, 0.8) == (0.0, 0.0)
    shared, whole = share_above(curve(1.0), better, 0.1, 1.5)
    assert shared == 1.0
    assert whole == pytest.approx(0.5, abs=0.01)
    assert math.isnan(share_above(curve(1.0), curve(100.0), 0.1, 1.5)[0])


def test_a_point_is_the_mean_of_whole_bytes() -> None:
    codec, pictures = Codec.load("jpeg"), [picture(64, 80, 0), picture(80, 64, 1)]
    point = measure(codec, pictures, 30)
    sizes = [8 * len(codec.encode(pixels, 30)) / (64 * 80) for pixels in pictures]
    assert point.bpp == pytest.approx(sum(sizes) / 2)
    assert point.encode_ms > 0
    assert math.isnan(point.ms_ssim), "too small for five scales"


def test_pictures_too_small_for_ms_ssim_do_not_spoil_its_mean() -> None:
    small, large = row("a"), row("bb", (200, 220))
    assert mean_point([small, large]).ms_ssim == large.ms_ssim


def test_kept_rows_come_back_and_a_cut_off_line_is_passed_over(tmp_path: Path) -> None:
    rows, path = [row("a"), row("bb")], tmp_path / "deep" / "rows.jsonl"
    append_rows(path, rows[:1])
    append_rows(path, rows[1:])
    with path.open("a") as file:
        file.write('{"picture": "c')
    assert set(read_rows(path)) == {r.key for r in rows}
    assert rows[0].key != rows[1].key


def test_groups_are_named_by_what_comes_before_the_underscore() -> None:
    groups = groups_of([row("b/w_01.png"), row("s_1.png"), row("w_02.png")])
    assert {name: len(rows) for name, rows in groups.items()} == {"s": 1, "w": 2}


def test_only_the_size_of_kodak_makes_a_kodak_folder() -> None:
    pixels = np.zeros((512, 768, 3), np.uint8)
    codec = Codec.load("jpeg")
    rows = [measure_row(codec, pixels, 1, "", str(i)) for i in range(24)]
    assert is_kodak(rows)
    assert not is_kodak(rows[1:])
    assert not is_kodak([*rows[1:], row("a")])


def test_a_plot_is_a_picture_even_without_ms_ssim(tmp_path: Path) -> None:
    points = [Point("x", i, 0.1 * (i + 1), 30.0 + i, math.nan, 0, 0) for i in range(3)]
    plot({"x": points}, [row("a")], tmp_path / "plot.png")
    assert width_of(tmp_path / "plot.png") > 1000
    assert in_db(0.99) == pytest.approx(20)
    with pytest.raises(ValueError, match="nothing"):
        plot({"x": points}, [row("a")], tmp_path / "plot.nothing")


def test_equal_rates_are_met_from_below() -> None:
    codec, pixels = Codec.load("jpeg"), picture(128, 128)
    bitstream, quality = at_rate(codec, pixels, 1.0)
    assert 8 * len(bitstream) <= 128 * 128 < 8 * len(codec.encode(pixels, quality + 1))
    assert at_rate(codec, pixels, 1e-9)[1] == 0


def test_weights_are_for_the_codec_their_name_begins_with(tiny_weights: Path) -> None:
    settings = Settings("cpu", 1, (tiny_weights,))
    assert load_codec("rt", settings).info.model == tiny_weights.stem
    assert load_codec("avif:4", settings).info.codec == "avif:4"


def test_the_command_writes_points_and_differences(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = {name: tmp_path / f"a.{name}" for name in ("json", "csv", "png", "jpg")}
    options = ["--codecs", "webp,jpeg", "--qualities", "5,20,40,60"]
    options += ["--json", str(out["json"]), "--csv", str(out["csv"])]
    options += ["--plot", str(out["png"]), "--sheet", str(out["jpg"]), "--bpp", "0.5"]
    options += ["--rows", str(tmp_path / "rows"), "--group-by", "prefix"]
    options += ["--page", str(tmp_path / "results.md")]
    assert main(["eval", str(folder), *options]) == 0
    report = json.loads(out["json"].read_text())
    assert len(report["points"]) == 8
    assert report["bd_rate_percent"]["webp against jpeg"] < 0
    assert report["groups"]["w"]["pictures"] == 2
    with out["csv"].open() as file:
        assert len(list(csv.DictReader(file))) == 3 * 2 * 4
    assert width_of(out["png"]) > 1000
    assert width_of(out["jpg"]) == 3 * 256
    page = (tmp_path / "results.md").read_text()
    assert "| against jpeg | -" in page
    assert "| than jpeg | 100%," in page
    assert "![Rate-distortion curves](results.png)" in page
    assert width_of(tmp_path / "results.png") > 1000
    printed = capsys.readouterr().out
    assert "BD-rate over 2 pictures w_*" in printed
    assert "against jpeg" in printed


@pytest.mark.parametrize("option", ["--json", "--csv", "--plot", "--page", "--sheet"])
def test_figures_go_over_no_file_and_over_no_picture(
    option: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--codecs", "jpeg", "--qualities", "5", "--rows", str(tmp_path / "rows")]
    mine, original = tmp_path / "a.png", folder / "w_0.png"
    mine.write_bytes(b"of the user")
    before = original.read_bytes()
    # The plot of a page lies beside it, under a name of its own.
    end = ".md" if option == "--page" else ".png"
    words = ["eval", str(folder), *options, option]
    assert main([*words, str(mine.with_suffix(end))]) == 1
    assert "a.png exists; --force" in capsys.readouterr().err
    assert main([*words, str(original.with_suffix(end)), "--force"]) == 1
    assert "which is read" in capsys.readouterr().err
    assert (mine.read_bytes(), original.read_bytes()) == (b"of the user", before)
    assert not (tmp_path / "rows").exists(), "nothing is measured first"


def test_what_was_measured_is_not_measured_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [str(folder), "--codecs", "jpeg", "--rows", str(tmp_path / "rows")]
    assert main(["eval", *options, "--qualities", "5,20"]) == 0
    measured: list[int] = []
    original = evaluation.measure_row

    def counted(codec: Codec, pixels: Pixels, quality: int, *names: str) -> Row:
        measured.append(quality)
        return original(codec, pixels, quality, *names)

    monkeypatch.setattr(evaluation, "measure_row", counted)
    (folder / "w_0.png").rename(folder / "x_0.png")
    out = tmp_path / "a.csv"
    assert main(["eval", *options, "--qualities", "5,20,40", "--csv", str(out)]) == 0
    assert measured == [40, 40, 40]
    assert "x_0.png" in out.read_text()
    assert "w_0.png" not in out.read_text()


@pytest.mark.slow
def test_several_processes_find_what_one_finds(folder: Path, tmp_path: Path) -> None:
    found = []
    for workers in ("1", "2"):
        out = tmp_path / f"{workers}.json"
        options = [
            "--codecs",
            "jpeg,jpeg2000",
            "--qualities",
            "5,40",
            "--json",
            str(out),
        ]
        options += ["--rows", str(tmp_path / workers), "--workers", workers]
        assert main(["eval", str(folder), *options]) == 0
        points = json.loads(out.read_text())["points"]
        found.append([(p["codec"], p["bpp"], p["psnr_db"]) for p in points])
    assert found[0] == found[1]


@pytest.mark.parametrize(
    "options",
    [
        ["--codecs", "gif"],
        ["--codecs", "jpeg", "--qualities", "64"],
        ["--codecs", "jpeg", "--weights", "rt-01234567.safetensors"],
    ],
)
def test_bad_options_are_one_clear_line(
    options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["eval", str(tmp_path), *options]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_picture_too_small_to_code_is_named(tmp_path: Path) -> None:
    Image.fromarray(picture(8, 80)).save(tmp_path / "tiny.png")
    with pytest.raises(ConfcodecError, match=r"tiny\.png: 80x8"):
        evaluation.read_codable(tmp_path / "tiny.png")
