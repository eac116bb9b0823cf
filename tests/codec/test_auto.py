"""`--codec auto`: the best picture that the machine has time for."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from confcodec.call.codec_thread import Coder
from confcodec.codec import auto
from confcodec.codec.auto import keeps_up, load_auto
from confcodec.codec.device import Device, choose_device
from confcodec.codec.interface import Codec
from confcodec.codec.registry import _model_names, codec_of
from confcodec.codec.rt.networks import RtModel
from confcodec.codec.rt.weights import save_weights
from tests.conftest import TINY, flat_tables, picture


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights are looked for, with `rt` alone."""
    for module in ("registry", "rt.weights"):
        name = f"confcodec.codec.{module}.share_path"
        monkeypatch.setattr(name, lambda _: tmp_path)
    install("rt", tmp_path)
    return tmp_path


def install(name: str, folder: Path) -> None:
    save_weights(RtModel(replace(TINY, name=name)).eval(), flat_tables(), folder)
    _model_names.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> object:
    yield
    _model_names.cache_clear()


def give_time(monkeypatch: pytest.MonkeyPatch, seconds: float, cores: int) -> None:
    """Let `rt` seem to take about so long for 640x480, on so many cores."""
    layer = (seconds - auto._REST) / auto._LAYERS[0]
    device = Device(torch.device("cpu"), torch.float32, layer)
    monkeypatch.setattr(auto, "choose_device", lambda _: device)
    monkeypatch.setattr(auto, "usable_cores", lambda: cores)


def test_without_the_small_one_there_is_no_choice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    give_time(monkeypatch, 1.0, 1)
    assert load_auto("cpu-fp32").info.codec == "rt"


@pytest.mark.parametrize(
    ("seconds", "fps", "cores", "size", "chosen"),
    [
        (0.02, 30, 4, (640, 480), "rt"),
        (0.03, 30, 64, (640, 480), "rt-s"),  # one thread cannot
        (0.03, 15, 4, (640, 480), "rt"),
        (0.02, 30, 2, (640, 480), "rt-s"),  # nothing would be left for the rest
        (0.02, 30, 2, (320, 240), "rt"),
    ],
)
def test_the_small_one_is_taken_where_the_other_is_too_slow(
    seconds: float,
    fps: float,
    cores: int,
    size: tuple[int, int],
    chosen: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("rt-s", folder)
    give_time(monkeypatch, seconds, cores)
    codec = load_auto("cpu-fp32", fps=fps, size=size)
    assert codec.info.codec == chosen
    assert codec_of(codec.encode(picture(32, 32), 30)) == chosen


def test_more_threads_make_it_faster_but_take_as_much_of_the_processor() -> None:
    assert not keeps_up(0.04, 0.04, 30, threads=1, cores=8)
    assert keeps_up(0.04, 0.04, 30, threads=2, cores=8)
    assert not keeps_up(0.04, 0.04, 30, threads=2, cores=4)


def test_a_gpu_is_fast_enough(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("rt-s", folder)
    gpu = Device(torch.device("cuda"), torch.float16)
    monkeypatch.setattr(auto, "choose_device", lambda _: gpu)
    assert load_auto("cpu-fp32").info.codec == "rt"


def test_the_start_up_measurement_times_a_layer() -> None:
    for name in ("cpu", "cpu-fp32"):
        seconds = choose_device(name).layer_seconds
        assert seconds is not None
        assert 0 < seconds < 1


def test_weights_given_by_hand_are_no_matter_of_choice(folder: Path) -> None:
    (path,) = folder.glob("rt-*.safetensors")
    assert Codec.load("auto", "cpu-fp32", weights=path).info.model == path.stem


@pytest.mark.asyncio
@pytest.mark.timeout(60)
async def test_a_coder_codes_with_the_codec_that_it_has_chosen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("rt-s", folder)
    give_time(monkeypatch, 100.0, 2)
    coder = Coder("encode", "cpu-fp32", 1)
    try:
        assert await coder.choose("auto", (64, 48), 30) == "rt-s"
        async with asyncio.timeout(30):
            coded = await coder.encode("rt-s", picture(48, 64), 30)
        assert codec_of(coded.bitstream) == "rt-s"
    finally:
        await coder.close()
