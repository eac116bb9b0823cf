"""Pictures and videos to bitstream files and back, through the real command line."""

import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from confcodec.cli import main
from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import psnr
from confcodec.errors import BitstreamError, CaptureError
from confcodec.files.bitstream_file import (
    BitstreamReader,
    BitstreamWriter,
    FileHeader,
)
from confcodec.files.paths import decoding_plan, encoding_plan, expand
from confcodec.media.picture import read_picture
from confcodec.media.video_reader import played_once, upright
from tests.conftest import picture, save_cae

FRAMES = 7


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short lossless video of pictures that differ."""
    path = tmp_path_factory.mktemp("videos") / "clip.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = 96, 64, "bgr0"
        for seed in range(FRAMES):
            frame = av.VideoFrame.from_ndarray(picture(64, 96, seed), format="rgb24")
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.png", "deep/b.jpg")):
        Image.fromarray(picture(40, 60, i)).save(tmp_path / "in" / name)
    return tmp_path / "in"


def report_of(*words: object) -> dict[str, object]:
    """What a command that succeeds writes with --json."""
    out = next(word for word in words if isinstance(word, Path)).parent / "report.json"
    out.unlink(missing_ok=True)
    assert main([*map(str, words), "--json", str(out)]) == 0
    report: dict[str, object] = json.loads(out.read_text())
    return report


def pixels_of(path: Path) -> Iterator[Pixels]:
    return (upright(frame) for _, frame in played_once(str(path)))


def test_a_video_comes_back_frame_by_frame(video: Path, tmp_path: Path) -> None:
    coded, back = tmp_path / "clip.ccb", tmp_path / "frames"
    words = ("encode", video, coded, "--codec", "jpeg", "--quality", 60)
    assert main([str(word) for word in words]) == 0
    with BitstreamReader(coded) as reader:
        assert reader.header == FileHeader("jpeg", 96, 64, Fraction(25))
        times = [time for time, _ in reader]
    assert times == pytest.approx([i / 25 for i in range(FRAMES)], abs=2e-3)
    assert main(["decode", str(coded), str(back), "--png"]) == 0
    files = sorted((back / "clip").iterdir())
    assert len(files) == FRAMES
    for original, file in zip(pixels_of(video), files, strict=True):
        assert psnr(original, read_picture(file)) > 35


def test_a_video_becomes_a_video(video: Path, tmp_path: Path) -> None:
    coded = tmp_path / "clip.ccb"
    report = report_of("encode", video, "--codec", "webp", "-o", coded)
    assert report["frames"] == FRAMES
    assert float(str(report["psnr_db"])) > 25
    assert main(["decode", str(coded)]) == 0
    decoded = list(pixels_of(tmp_path / "clip.decoded.mp4"))
    assert len(decoded) == FRAMES
    assert psnr(decoded[3], list(pixels_of(video))[3]) > 25


def test_a_video_that_was_cut_off_is_decoded_as_far_as_it_goes(
    video: Path, tmp_path: Path
) -> None:
    coded = tmp_path / "clip.ccb"
    assert main(["encode", str(video), str(coded), "--codec", "jpeg"]) == 0
    coded.write_bytes(coded.read_bytes()[:-5])
    report = report_of("decode", coded, tmp_path / "out.mkv")
    assert report["truncated"]
    assert report["frames"] == FRAMES - 1


def test_a_file_may_change_its_codec_on_the_way(tmp_path: Path) -> None:
    coded, pixels = tmp_path / "a.ccb", picture(64, 96)
    with BitstreamWriter(coded, FileHeader("jpeg", 96, 64, Fraction(10))) as writer:
        for i, name in enumerate(("jpeg", "webp", "jpeg")):
            writer.write(Codec.load(name).encode(pixels, 50), i / 10)
    report = report_of("decode", coded, "--png", "-o", tmp_path / "out")
    assert report["codec"] == "jpeg, webp"
    assert report["frames"] == 3
    assert report_of("info", coded)["codec"] == "jpeg, webp"


def test_a_folder_is_coded_into_a_folder_of_the_same_shape(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    report = report_of("encode", folder, "--codec", "jpeg", "-o", out)
    files = report["files"]
    assert isinstance(files, list)
    mean = np.mean([facts["psnr_db"] for facts in files])
    assert report["mean_psnr_db"] == pytest.approx(mean, abs=1e-3)
    assert (out / "deep" / "b.ccb").exists()
    assert main(["decode", str(out), str(back)]) == 0
    assert read_picture(back / "deep" / "b.png").shape == (40, 60, 3)
    assert main(["info", str(out)]) == 0
    assert "mean_bpp" in capsys.readouterr().out


def test_a_pattern_in_quotes_names_files(folder: Path) -> None:
    assert [f.name for f, _ in expand([folder / "*.png"], frozenset())] == ["a.png"]
    plan = encoding_plan([folder / "a.png", folder / "deep" / "*"], None)
    assert [to.name for _, to in plan] == ["a.ccb", "b.ccb"]


def test_the_last_path_is_the_output_unless_it_is_an_input(folder: Path) -> None:
    a, b = folder / "a.png", folder / "deep" / "b.jpg"
    assert encoding_plan([a, folder / "x.ccb"], None) == [(a, folder / "x.ccb")]
    assert encoding_plan([a, b], None) == [
        (a, a.with_suffix(".ccb")),
        (b, b.with_suffix(".ccb")),
    ]
    assert encoding_plan([a, b, folder / "new"], None)[1][1] == folder / "new" / "b.ccb"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.png", "a.jpg"], "would both become"),
        (["a.png", "deep/b.jpg", "out.ccb"], "cannot hold 2 files"),
        (["nothing*.png"], "does not exist|no file"),
        (["deep/missing.png"], "does not exist"),
    ],
)
def test_paths_that_cannot_be_meant_are_refused(
    words: list[str], said: str, folder: Path
) -> None:
    Image.fromarray(picture(40, 60)).save(folder / "a.jpg")
    with pytest.raises(CaptureError, match=said):
        encoding_plan([folder / word for word in words], None)


def test_a_folder_without_bitstream_files_is_refused(folder: Path) -> None:
    with pytest.raises(CaptureError, match="ccb"):
        decoding_plan([folder], None, png=False)


def test_one_damaged_file_does_not_hold_up_the_others(
    folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (folder / "bad.png").write_bytes(b"no picture")
    out, back = tmp_path / "out", tmp_path / "back"
    assert main(["encode", str(folder), "--codec", "jpeg", "-o", str(out)]) == 1
    assert "bad.png cannot be read" in caplog.text
    assert (out / "a.ccb").exists()
    coded = bytearray((out / "a.ccb").read_bytes())
    coded[-500:-490] = bytes(10)
    (out / "a.ccb").write_bytes(coded[:-400])
    assert main(["decode", str(out), str(back)]) == 1
    assert "a.ccb ends before its first frame" in caplog.text
    assert "error" in capsys.readouterr().out
    assert (back / "deep" / "b.png").exists()


def test_one_bad_header_does_not_hold_up_the_others(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    out, back = tmp_path / "out", tmp_path / "back"
    assert main(["encode", str(folder), "--codec", "jpeg", "-o", str(out)]) == 0
    (out / "a.ccb").write_bytes(b"CCBX" + (out / "a.ccb").read_bytes()[4:])
    (out / "empty.ccb").touch()
    assert main(["decode", str(out), str(back)]) == 1
    assert sorted(p.name for p in back.rglob("*.*")) == ["b.png"]
    report = tmp_path / "report.json"
    assert main(["info", str(out), "--json", str(report)]) == 1
    files = json.loads(report.read_text())["files"]
    assert [Path(facts["file"]).name for facts in files if "error" in facts] == [
        "a.ccb",
        "empty.ccb",
    ]
    assert [facts["frames"] for facts in files if "error" not in facts] == [1]
    for name in ("a.ccb", "empty.ccb"):
        assert caplog.text.count(f"{name}: no bitstream file") == 2


@pytest.mark.parametrize("place", [2, 15])
def test_a_flipped_byte_costs_one_frame_of_a_video(
    place: int, tiny_weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In the length of the frame, or in its bitstream."""
    coded, codec = (
        tmp_path / "a.ccb",
        Codec.load("rt", "cpu-fp32", weights=tiny_weights),
    )
    frames = [codec.encode(picture(40, 60, seed), 40) for seed in range(5)]
    with BitstreamWriter(coded, FileHeader("rt", 60, 40, Fraction(10))) as writer:
        at = []
        for i, frame in enumerate(frames):
            at.append(writer.bytes)
            writer.write(frame, i / 10)
    content = bytearray(coded.read_bytes())
    content[at[2] + place] ^= 0x55
    coded.write_bytes(content)
    out = tmp_path / "report.json"
    how = ["--device", "cpu-fp32", "--weights", str(tiny_weights), "--json", str(out)]
    assert main(["decode", str(coded), "--png", *how, "--force"]) == 1
    report = json.loads(out.read_text())
    assert (report["frames"], report["damaged"], report["truncated"]) == (4, 1, False)
    assert "a.ccb is damaged, 1 time;" in caplog.text
    kept = [codec.decode(frame) for i, frame in enumerate(frames) if i != 2]
    for number, pixels in enumerate(kept):
        path = tmp_path / "a.decoded" / f"{number:06d}.png"
        assert np.array_equal(read_picture(path), pixels)
    assert main(["info", str(coded), "--json", str(out), "--force"]) == 1
    assert json.loads(out.read_text())["damaged"] == 1


def test_a_damaged_frame_is_named(tiny_weights: Path, tmp_path: Path) -> None:
    original, coded = tmp_path / "a.png", tmp_path / "a.ccb"
    Image.fromarray(picture(40, 60)).save(original)
    how = ["--device", "cpu-fp32", "--weights", str(tiny_weights)]
    assert main(["encode", str(original), str(coded), *how]) == 0
    content = bytearray(coded.read_bytes())
    content[-5] ^= 1
    coded.write_bytes(content)
    for verb in (["info", str(coded)], ["decode", str(coded), *how]):
        with pytest.raises(BitstreamError, match=r"a\.ccb, frame 0: .*CRC"):
            main([*verb, "--debug"])


def test_info_tells_a_video_without_decoding_it(video: Path, tmp_path: Path) -> None:
    coded = tmp_path / "clip.ccb"
    encoded = report_of("encode", video, coded, "--codec", "jpeg")
    facts = report_of("info", coded)
    for key in ("frames", "bytes", "file_bytes", "size"):
        assert facts[key] == encoded[key]
    assert facts["fps"] == 25
    assert facts["seconds"] == pytest.approx(FRAMES / 25, abs=0.01)
    assert not facts["truncated"]


def test_a_learned_codec_codes_files_with_weights_of_its_own(
    tiny_weights: Path, tmp_path: Path
) -> None:
    original, coded, back = (tmp_path / name for name in ("a.png", "a.ccb", "b.png"))
    Image.fromarray(picture(40, 60)).save(original)
    how = ["--device", "cpu-fp32", "--weights", tiny_weights]
    report_of("encode", original, "--quality", 40, *how, "-o", coded)
    report_of("decode", coded, *how, "-o", back)
    facts = report_of("info", coded)
    assert facts["quality"] == "40"
    assert facts["model"] == tiny_weights.stem[-8:]
    codec = Codec.load("rt", "cpu-fp32", weights=tiny_weights)
    expected = codec.decode(codec.encode(read_picture(original), 40))
    assert np.array_equal(read_picture(back), expected)


def test_weights_say_which_learned_codec_is_meant(tmp_path: Path) -> None:
    original, coded, back = (tmp_path / name for name in ("a.png", "a.ccb", "b.png"))
    Image.fromarray(picture(40, 60)).save(original)
    net = CaeModel(CaeConfig(width2=4, width4=4, latent=4, blocks=1))
    weights = save_cae([net], tmp_path)
    how = ["--device", "cpu-fp32", "--weights", weights]
    report = report_of("encode", original, "--codec", "cae", *how, "-o", coded)
    assert report["model"] == weights.stem
    assert report_of("decode", coded, *how, "-o", back)["codec"] == "cae"
    assert read_picture(back).shape == (40, 60, 3)


def test_the_help_of_encode_says_what_becomes_of_what_it_cannot_keep(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["encode", "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Transparent parts become white" in said
    assert "sound is left out" in said


def test_a_video_too_large_for_the_codecs_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "large.png"
    Image.fromarray(np.zeros((20, 8200, 3), np.uint8)).save(path)
    assert main(["encode", str(path), "--codec", "jpeg"]) == 1
    assert "large.png: 8200x20 is outside" in capsys.readouterr().err
    assert not (tmp_path / "large.ccb").exists()
