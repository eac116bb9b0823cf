"""Media files are opened the same with every PyAV, whatever they are called."""

import ast
import io
import os
import sys
from pathlib import Path

import av
import av.error
import numpy as np
import pytest
from av.container import OutputContainer
from av.video.stream import VideoStream

from confcodec.media.container import create_media, open_media
from confcodec.media.sound_devices import FileMicrophone
from confcodec.media.video_reader import played_once
from confcodec.media.video_writer import FileSink
from tests.paths import ROOT

SOURCES = ROOT / "confcodec"
GREY = np.full((48, 64, 3), 90, np.uint8)


def write_grey(container: OutputContainer) -> None:
    with container:
        stream = container.add_stream("mpeg4", rate=30)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = av.VideoFrame.from_ndarray(GREY, format="rgb24")
        container.mux(stream.encode(picture))
        container.mux(stream.encode(None))


def test_no_other_module_opens_a_container() -> None:
    for path in SOURCES.rglob("*.py"):
        called = {
            ast.unparse(node.func)
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
        }
        assert ("av.open" in called) == (path.name == "container.py"), path


@pytest.mark.parametrize(
    "name",
    [
        "Re: talk.mp4",
        "http:talk.mp4",
        "file:talk.mp4",
        "pipe:1.mp4",
        "talk %03d [1] ?#.mp4",
        "вызов.mp4",
        "-.mp4",
    ],
)
def test_a_path_is_a_path_whatever_it_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sink = FileSink(name, 30)
    sink.show(GREY, 0.0)
    sink.close()
    assert os.listdir() == [name]
    assert len(list(played_once(name))) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_a_name_need_not_be_utf_8(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.mp4")
    write_grey(create_media(path))
    assert len(list(played_once(str(path)))) == 1


def test_a_sound_with_a_colon_in_its_name_is_heard(tmp_path: Path) -> None:
    path = tmp_path / "Re: sound.wav"
    with create_media(path) as container:
        stream = container.add_stream("pcm_s16le", rate=48000)
        sound = av.AudioFrame.from_ndarray(
            np.full((1, 4800), 1000, np.int16), layout="mono"
        )
        sound.sample_rate = 48000
        container.mux(stream.encode(sound))
    assert FileMicrophone(str(path)).read().samples[0] > 500


def test_tags_in_another_encoding_do_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "old.mkv"
    container = create_media(path)
    container.metadata["title"] = "cafXX"
    write_grey(container)
    path.write_bytes(path.read_bytes().replace(b"cafXX", b"caf\xe9\xff"))
    with open_media(path) as opened:
        assert opened.metadata["title"].startswith("caf")
    assert len(list(played_once(str(path)))) == 1


def test_an_error_has_the_name_that_was_given(tmp_path: Path) -> None:
    with pytest.raises(av.error.FFmpegError) as raised:
        open_media(tmp_path / "none.mp4")
    assert raised.value.filename == str(tmp_path / "none.mp4")
    assert "file:" not in str(raised.value)


def test_open_files_serve_as_well_as_paths() -> None:
    memory = io.BytesIO()
    write_grey(
        create_media(
            memory, format="mp4", options={"movflags": "frag_keyframe+empty_moov"}
        )
    )
    memory.seek(0)
    with open_media(memory) as container:
        assert len(list(container.decode(video=0))) == 1
    assert b"moof" in memory.getvalue()
