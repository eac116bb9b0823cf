"""Anybody's codec: a plain class named on the command line, in calls, files and figures."""

import json
import logging
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from confcodec.call.codec_thread import Coder
from confcodec.call.loopback.child import start_child
from confcodec.call.options.call import CallOptions
from confcodec.cli import main
from confcodec.codec import registry
from confcodec.codec.bitstream import whole_bitstream
from confcodec.codec.frame import Frame, Pixels
from confcodec.codec.interface import Codec, CodecInfo
from confcodec.codec.metrics import psnr
from confcodec.codec.plugin.codec import MAX_BYTES, PluginCodec
from confcodec.codec.plugin.label import MAX_PARTS, Label, pack, unpack
from confcodec.codec.registry import codec_of, installed_codecs
from confcodec.errors import BitstreamError, ConfcodecError
from confcodec.rooms.roles import Role
from confcodec.server.laboratory import Laboratory, Sample
from confcodec.server.page_messages import state_message
from confcodec.wire.packets import MAX_FRAME, packetize
from tests.calls import SMALL, caller, served
from tests.conftest import picture
from tests.paths import ROOT
from tests.running import confcodec
from tests.waiting import PATIENCE, eventually

EXAMPLES = ROOT / "examples"
ZLIB = "own_codec:Zlib"


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that modules are imported from, as the examples are; nothing is given yet."""
    monkeypatch.setattr(registry, "_given", {})
    monkeypatch.setattr(registry, "_own", {})
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if not name.startswith("confcodec"):
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith((str(tmp_path), str(EXAMPLES))):
                del sys.modules[name]


class Raw:
    """The least that a codec can be; has no parts."""

    info: object = "raw"

    def encode(self, pixels: Pixels, quality: Any) -> bytes:
        return bytes(pixels.shape[:2]) + pixels.tobytes()

    def decode(self, data: bytes) -> Pixels:
        pixels = np.frombuffer(data[2:], np.uint8).reshape(data[0], data[1], 3)
        return pixels.copy()


class Rows(Raw):
    """One part for each half of the picture; what is lost is grey."""

    def split(self, data: bytes) -> list[bytes]:
        half = 2 + (len(data) - 2) // 2
        return [data[:half], data[:2] + data[half:]]

    def join(self, parts: list[bytes | None]) -> Pixels:
        head, grey = next((p[:2], b"\x80" * (len(p) - 2)) for p in parts if p)
        return self.decode(head + b"".join(p[2:] if p else grey for p in parts))


def wrapped(own: object, name: str = "raw") -> PluginCodec:
    return PluginCodec(own, name, f"tests:{type(own).__name__}")


def test_the_example_codes_pictures_and_names_itself() -> None:
    Codec.add(ZLIB)
    codec, pixels = Codec.load(ZLIB), picture(120, 161)
    coded = [codec.encode(pixels, quality) for quality in (0, 20, 40, 63)]
    figures = [psnr(pixels, codec.decode(bitstream)) for bitstream in coded]
    assert figures == sorted(figures)
    assert figures[0] > 20
    assert figures[-1] > 45
    assert {codec_of(bitstream) for bitstream in coded} == {"zlib"}
    assert codec.info.codec == "zlib"
    assert codec.info.model.startswith(ZLIB), "with a hash, as its file may change"
    assert "zlib" in installed_codecs()
    assert Codec.load("zlib").decode(coded[0]).shape == pixels.shape


def test_the_first_use_of_a_codec_of_ones_own_takes_no_other_line() -> None:
    lines = (EXAMPLES / "own_codec.py").read_text().split("class Zlib")[1].splitlines()
    assert len([line for line in lines if line.strip()]) <= 20


@pytest.mark.parametrize("name", ["evil:Codec", "evil", "own_codec:Zlib"])
async def test_nothing_but_a_person_makes_this_program_import_a_codec(
    name: str, path: Path
) -> None:
    marker = path / "imported"
    (path / "evil.py").write_text(
        f"open({str(marker)!r}, 'w')\nclass Codec:\n    info = 'evil'\n"
    )
    size = (64, 48)
    coder = Coder("test", "cpu", 1)
    try:
        with pytest.raises(ConfcodecError, match=name):  # a page
            await coder.load(name, size)
        with pytest.raises(BitstreamError, match=name):  # a peer
            await coder.load_theirs(name, "evil:Codec", size)
        with pytest.raises(ConfcodecError):  # a frame
            await coder.decode([pack(Label("evil", *size), 0, b"")])
    finally:
        await coder.close()
    assert not marker.exists()
    assert not {"evil", "own_codec"} & set(sys.modules)
    assert "evil" not in installed_codecs()


async def test_a_peer_that_lacks_the_codec_is_told_which_and_how_to_name_it() -> None:
    coder = Coder("test", "cpu", 1)
    try:
        with pytest.raises(BitstreamError, match=r"zlib.*--also-codec own_codec:Zlib$"):
            await coder.load_theirs("zlib", ZLIB, (64, 48))
        with pytest.raises(BitstreamError) as refused:
            await coder.load_theirs("zlib", "x; rm -rf ~", (64, 48))
        assert "rm" not in str(refused.value)
        Codec.add(ZLIB)
        assert (await coder.load_theirs("zlib", ZLIB, (64, 48))).codec == "zlib"
    finally:
        await coder.close()


async def test_the_other_side_of_a_call_sees_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Codec.add(ZLIB)
    async with (
        served(monkeypatch, options=replace(SMALL, codec=ZLIB)) as server,
        caller(server.link, replace(SMALL, codec="jpeg")) as other,
    ):
        await other.sees(5)
        assert other.peers[-1].receiver.codec == "zlib"
        assert server.host.endpoint.settings.codec == "zlib"
        assert "zlib" in json.loads(state_message(server.host, Role.HOST))["codecs"]


async def test_a_side_that_lacks_it_says_which_and_a_page_shows_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller is a process of its own: what it was given, this one was not."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(EXAMPLES), *sys.path]))
    words = f"--codec {ZLIB} --source demo --size 160x120 --fps 10 --sink null"
    async with (
        served(monkeypatch) as server,
        confcodec("call", server.link, *words.split(), "--audio", "null"),
    ):
        host = server.host
        await eventually(lambda: json.loads(state_message(host, Role.HOST))["trouble"])
        trouble = json.loads(state_message(host, Role.HOST))["trouble"]
        assert "'zlib' (own_codec:Zlib)" in trouble
        assert trouble.endswith("start with --also-codec own_codec:Zlib")
        assert "own_codec" not in sys.modules


async def test_a_codec_that_fails_in_a_call_costs_frames_and_not_the_call(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    (path / "moody.py").write_text(
        "from own_codec import Zlib\n"
        "class Moody(Zlib):\n"
        "    info, count = 'moody', 0\n"
        "    def encode(self, pixels, quality):\n"
        "        self.count += 1\n"
        "        if self.count in (3, 4): raise RuntimeError('not now')\n"
        "        return super().encode(pixels, quality)\n"
    )
    Codec.add("moody:Moody")
    async with (
        served(monkeypatch, options=replace(SMALL, codec="moody:Moody")) as server,
        caller(server.link) as other,
    ):
        await other.sees(5)
        assert server.host.peer
        assert server.host.peer.sender
        assert server.host.peer.sender.stats.drops.by_reason["encoder-failed"] == 2


async def test_the_laboratory_shows_it_beside_others_at_its_bytes() -> None:
    Codec.add(ZLIB)
    pixels = picture(96, 128)
    bitstream = Codec.load(ZLIB).encode(pixels, 20)
    laboratory = Laboratory("cpu")
    try:
        sample = Sample(Frame(pixels, 7, 0.0), "zlib", bitstream)
        message = await laboratory.compare(sample, ["webp"])
    finally:
        await laboratory.close()
    (length,) = struct.unpack_from("!I", message)
    _, live, webp = json.loads(message[4 : 4 + length])["pictures"]
    assert (live["name"], live["live"], live["bytes"]) == ("zlib", True, len(bitstream))
    assert 0 < webp["bytes"] <= len(bitstream)


def test_debug_shows_where_a_codec_failed(
    path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (path / "mine.py").write_text(
        "class Codec:\n"
        "    info, decode = 'mine', print\n"
        "    def encode(self, pixels, quality):\n"
        "        return len(None)\n"
    )
    Image.fromarray(picture(32, 48)).save(path / "a.png")
    words = ["encode", str(path / "a.png"), "--codec", "mine:Codec"]
    assert main(words) == 1
    assert not caplog.records
    with pytest.raises(ConfcodecError, match="mine: encode failed: TypeError"):
        main([*words, "--debug"])
    assert "return len(None)" in caplog.text
    logging.getLogger("confcodec").setLevel(logging.INFO)


def test_what_a_codec_returns_is_not_believed() -> None:
    pixels = picture(32, 48)
    good = wrapped(Raw()).encode(pixels, 3)
    assert np.array_equal(wrapped(Raw()).decode(good), pixels)
    for value, said in [
        (pixels.astype(np.float32), "float32"),
        (pixels[:16], r"uint8 \(16, 48, 3\)"),
        (None, "NoneType"),
        (pixels.tolist(), "list"),
    ]:
        codec = wrapped(Raw())
        codec._own.decode = lambda _, value=value: value
        with pytest.raises(BitstreamError, match=f"decode gave {said}"):
            codec.decode(good)
    for value, said in [
        ("text", "encode gave str, not bytes"),
        (None, "encode gave NoneType"),
        (bytes(MAX_BYTES), "can be sent at most"),
    ]:
        codec = wrapped(Raw())
        codec._own.encode = lambda *_, value=value: value
        with pytest.raises(ConfcodecError, match=said):
            codec.encode(pixels, 3)
    codec = wrapped(Rows())
    for parts, said in [([], "0 parts"), ([b"x"] * 256, "256 parts"), ([1], "int")]:
        codec._own.split = lambda _, parts=parts: parts
        with pytest.raises(ConfcodecError, match=said):
            codec.split(good)


class Panic(BaseException):
    """Like what a library written in Rust raises."""


@pytest.mark.parametrize("kind", [ValueError, AssertionError, SystemExit, Panic])
def test_whatever_a_codec_raises_is_one_line(kind: type[BaseException]) -> None:
    def fail(*_: object) -> bytes:
        raise kind("the first\nand more")

    pixels = picture(32, 48)
    codec = wrapped(Rows())
    bitstream = codec.encode(pixels, 3)
    parts = codec.split(bitstream)
    for method in ("encode", "decode", "split", "join", "reconstruct"):
        setattr(codec._own, method, fail)
    line = rf"^raw: {{}} failed: {kind.__name__}: the first$"
    with pytest.raises(BitstreamError, match=line.format("decode")):
        codec.decode(bitstream)
    with pytest.raises(BitstreamError, match=line.format("join")):
        codec.join(parts)
    with pytest.raises(BitstreamError, match=line.format("reconstruct")):
        codec.reconstruct(bitstream)
    with pytest.raises(ConfcodecError, match=line.format("encode")):
        codec.encode(pixels, 3)
    with pytest.raises(ConfcodecError, match=line.format("split")):
        codec.split(bitstream)


def test_a_codec_may_write_into_the_picture_it_is_given() -> None:
    class Rude(Raw):
        def encode(self, pixels: Pixels, quality: Any) -> bytes:
            pixels[:] = 0
            return super().encode(pixels, quality)

    pixels = picture(32, 48)
    before = pixels.copy()
    wrapped(Rude()).encode(pixels, 3)
    assert np.array_equal(pixels, before)


def test_a_codec_may_use_its_buffers_again() -> None:
    class Thrifty(Raw):
        buffer = np.zeros((32, 48, 3), np.uint8)

        def decode(self, data: bytes) -> Pixels:
            self.buffer[:] = super().decode(data)
            return self.buffer

    codec = wrapped(Thrifty())
    first, second = picture(32, 48, 1), picture(32, 48, 2)
    shown = [codec.decode(codec.encode(pixels, 3)) for pixels in (first, second)]
    assert np.array_equal(shown[0], first)
    assert np.array_equal(shown[1], second)


def test_its_own_settings_span_the_scale_of_quality() -> None:
    class Some(Raw):
        qualities = ("low", "middle", "high")
        seen: list[object] = []  # noqa: RUF012 - read below

        def encode(self, pixels: Pixels, quality: Any) -> bytes:
            self.seen.append(quality)
            return super().encode(pixels, quality)

    codec = wrapped(Some())
    for quality in (0, 31, 63):
        codec.encode(picture(32, 48), quality)
    assert Some.seen == ["low", "middle", "high"]
    with pytest.raises(ValueError, match="64"):
        codec.encode(picture(32, 48), 64)


def test_parts_decode_without_each_other_and_come_together_in_a_file() -> None:
    codec, pixels = wrapped(Rows()), picture(32, 48)
    bitstream = codec.encode(pixels, 3)
    parts = codec.split(bitstream)
    assert len(parts) == 2
    assert {codec_of(part) for part in parts} == {"raw"}
    assert np.array_equal(codec.join(parts), pixels)
    shown = codec.join([None, parts[1]])
    assert np.array_equal(shown[20:], pixels[20:])
    assert not np.array_equal(shown[:8], pixels[:8])
    whole = whole_bitstream(parts)
    assert codec_of(whole) == "raw"
    assert np.array_equal(codec.decode(whole), pixels)
    for wrong in (
        [parts[1], parts[0]],
        [None, None],
        [parts[0]],
        [bitstream, parts[1]],
    ):
        with pytest.raises(BitstreamError):
            codec.join(wrong)
    one = wrapped(Raw())
    assert one.split(bitstream) == [bitstream]
    assert whole_bitstream([bitstream]) == bitstream
    with pytest.raises(BitstreamError, match="lost"):
        one.join([None])
    with pytest.raises(BitstreamError, match="no parts"):
        one.decode(whole)


def test_a_codec_may_be_derived_from_the_interface_too() -> None:
    class Derived(Codec):
        info = CodecInfo("derived", "v2")

        def encode(self, pixels: Pixels, quality: int) -> bytes:
            return Raw().encode(pixels, quality)

        def decode(self, bitstream: bytes) -> Pixels:
            return Raw().decode(bitstream)

    codec, pixels = wrapped(Derived(), "derived"), picture(32, 48)
    parts = codec.split(codec.encode(pixels, 3))
    assert np.array_equal(codec.join(parts), pixels)
    assert np.array_equal(codec.decode(whole_bitstream(parts)), pixels)
    assert codec.info.model == "v2"


def test_what_a_codec_may_make_can_be_sent() -> None:
    assert MAX_BYTES <= MAX_FRAME
    parts = packetize([b"x"] * MAX_PARTS, 0, 0, 0.0, 0.0)
    assert len(parts) == MAX_PARTS


@settings(max_examples=200, deadline=None)
@example(pack(Label("raw", 32, 48), 2, b""))
@example(pack(Label("raw", 32, 48), 2, b"\x02" + bytes(7)))
@example(pack(Label("raw", 1920, 1920), 0, b""))
@example(pack(Label("other", 32, 48), 0, b""))
@given(st.binary(max_size=40).map(lambda junk: b"\xcb" + junk) | st.binary(max_size=40))
def test_any_bytes_decode_or_raise_the_documented_error(data: bytes) -> None:
    for codec in (wrapped(Raw()), wrapped(Rows())):
        with pytest.raises(BitstreamError):
            codec.decode(data)
        with pytest.raises(BitstreamError):
            codec.join([data, None])


@given(
    st.from_regex(r"[a-z0-9._-]{1,12}", fullmatch=True),
    st.integers(16, 1920),
    st.integers(16, 1920),
    st.sampled_from([0, 1, 2]),
    st.binary(max_size=50),
)
def test_labels_come_back_as_they_were(
    name: str, width: int, height: int, kind: int, content: bytes
) -> None:
    label = Label(name, width, height)
    assert unpack(pack(label, kind, content)) == (label, kind, content)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "module 'mine' has no attribute 'Codec'"),
        ("import nowhere", "cannot be imported: No module named 'nowhere'"),
        ("1 / 0", "cannot be imported: ZeroDivisionError"),
        ("def (", "cannot be imported: SyntaxError"),
        ("raise SystemExit(3)", "cannot be imported: SystemExit"),
        ("class Codec: pass", "mine:Codec has no name"),
        ("class Codec: info = 'Capital'", "mine:Codec has no name"),
        ("class Codec: info = 'thirteen-long'", "mine:Codec has no name"),
        ("class Codec: info = 'rt'", "mine:Codec is called rt"),
        ("class Codec: info = 'auto'", "mine:Codec is called auto"),
        ("class Codec: info = 'x'", "mine:Codec has no encode, no decode"),
        (
            "class Codec:\n    info = 'x'\n    def __init__(self): raise OSError('no file')",
            "mine:Codec: making it failed: OSError: no file",
        ),
        (
            "class Codec:\n    info = 'x'\n    encode = decode = split = print",
            "has no join, as it has split",
        ),
    ],
)
def test_a_codec_that_cannot_be_used_is_one_line(
    code: str, said: str, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (path / "mine.py").write_text(code)
    Image.fromarray(picture(32, 48)).save(path / "a.png")
    assert main(["encode", str(path / "a.png"), "--codec", "mine:Codec"]) == 1
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.startswith("confcodec: error: ")
    assert len(errors.splitlines()) == 1


def test_a_module_that_is_not_there_is_looked_for_in_pythonpath() -> None:
    Codec.add("nowhere.at_all:Codec")
    with pytest.raises(ConfcodecError, match=r"no module nowhere; .* in PYTHONPATH"):
        Codec.load("nowhere.at_all:Codec")


def test_two_codecs_of_one_name_are_told_apart(path: Path) -> None:
    (path / "mine.py").write_text("class Codec: info = 'zlib'")
    Codec.add(ZLIB)
    Codec.add("mine:Codec")
    with pytest.raises(ConfcodecError, match=r"called zlib, as own_codec:Zlib is"):
        Codec.load("zlib")


def test_a_constructor_gets_device_and_threads_if_it_asks_for_them(path: Path) -> None:
    (path / "mine.py").write_text(
        "from confcodec import CodecInfo\n"
        "class Codec:\n"
        "    info = CodecInfo('mine')\n"
        "    encode = decode = print\n"
        "    def __init__(self, device, threads):\n"
        "        self.info = CodecInfo('mine', 'mine-2', device, 'fp32', threads)\n"
    )
    Codec.add("mine:Codec")
    info = Codec.load("mine:Codec", "cpu", threads=3).info
    assert info == CodecInfo("mine", "mine-2", "cpu", "fp32", 3)
    with pytest.raises(ConfcodecError, match="takes no --weights"):
        Codec.load("mine:Codec", weights=path / "x")


def test_an_installed_package_names_its_codec_by_an_entry_point(path: Path) -> None:
    folder = path / "pack-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: pack\nVersion: 1.0\n"
    )
    (folder / "entry_points.txt").write_text(f"[{registry.GROUP}]\ndeflate = {ZLIB}\n")
    assert "zlib" not in installed_codecs(), "not before a person asks for it"
    Codec.add("deflate")
    assert Codec.load("deflate").info.codec == "zlib"
    with pytest.raises(ValueError, match=r"package\.module:Class"):
        Codec.add("inflate")


def test_files_keep_it_and_say_whose_they_are(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    original, coded, back = (path / name for name in ("a.png", "a.ccb", "b.png"))
    Image.fromarray(picture(101, 77)).save(original)
    assert main(["encode", str(original), "--codec", ZLIB, "--quality", "63"]) == 0
    # As another process, which was given nothing.
    monkeypatch.setattr(registry, "_given", {})
    monkeypatch.setattr(registry, "_own", {})
    capsys.readouterr()
    assert main(["info", str(coded)]) == 0
    assert "codec zlib" in capsys.readouterr().out
    assert main(["decode", str(coded), str(back)]) == 1
    assert "no codec 'zlib' here" in capsys.readouterr().err
    assert main(["decode", str(coded), str(back), "--also-codec", ZLIB]) == 0
    assert psnr(picture(101, 77), np.asarray(Image.open(back))) > 45


def test_figures_compare_it_with_others_in_processes_of_their_own(path: Path) -> None:
    folder = path / "pictures"
    folder.mkdir()
    Image.fromarray(picture(180, 200)).save(folder / "a.png")
    report = path / "report.json"
    arguments = ["eval", str(folder), "--codecs", f"{ZLIB},jpeg", "--qualities", "0,63"]
    arguments += ["--rows", str(path / "rows"), "--json", str(report)]
    arguments += ["--sheet", str(path / "sheet.png")]
    assert main(arguments) == 0
    figures = json.loads(report.read_text())
    assert [info["codec"] for info in figures["codecs"]] == ["zlib", "jpeg"]
    assert len(figures["points"]) == 4


def test_the_loopback_process_gets_the_same_codecs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started: list[str] = []
    monkeypatch.setattr(
        "confcodec.call.loopback.child.subprocess.Popen",
        lambda words, **_: started.extend(words),
    )
    start_child(CallOptions(codec=ZLIB, also=("a:B", "c:D")), "null")
    text = " ".join(started)
    assert f"--codec {ZLIB}" in text
    assert "--also-codec a:B --also-codec c:D" in text


def test_a_loopback_call_with_it_decodes_and_reports(path: Path) -> None:
    """As a stranger types it: two processes, a real data channel."""
    report = path / "report.json"
    words = f"bench --codec {ZLIB} --source demo --size 160x120 --fps 10 --seconds 4"
    places = os.pathsep.join([str(EXAMPLES), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "confcodec", *words.split(), "--json", str(report)],
        env=os.environ | {"PYTHONPATH": places},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(report.read_text())
    assert figures["codec"] == "zlib"
    assert figures["decoded"] >= 20
    assert "codec    zlib (own_codec:Zlib" in done.stdout
