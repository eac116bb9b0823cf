"""`--codec auto`: the best picture that the machine has time for."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from confcodec.call.coder import Coder
from confcodec.call.options import CallOptions
from confcodec.codec import auto
from confcodec.codec.auto import load_auto, seconds_a_frame
from confcodec.codec.codec import Codec, _model_names, codec_of
from confcodec.codec.rt import RtModel
from confcodec.codec.weights import save_weights
from tests.conftest import TINY, flat_tables, picture


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where weights are looked for, with `rt` alone."""
    for module in ("codec", "weights"):
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


def give_time(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(auto, "seconds_a_frame", lambda *_: seconds)


def test_without_the_small_one_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def measured(*_: object) -> float:
        raise AssertionError("there is no choice")

    monkeypatch.setattr(auto, "seconds_a_frame", measured)
    assert load_auto("cpu-fp32").info.codec == "rt"


@pytest.mark.parametrize(
    ("seconds", "fps", "chosen"),
    [(0.01, 30, "rt"), (0.03, 30, "rt-s"), (0.03, 15, "rt")],
)
def test_the_small_one_is_taken_where_the_other_is_too_slow(
    seconds: float,
    fps: float,
    chosen: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    install("rt-s", folder)
    give_time(monkeypatch, seconds)
    codec = load_auto("cpu-fp32", fps=fps)
    assert codec.info.codec == chosen
    assert codec_of(codec.encode(picture(32, 32), 30)) == chosen


def test_a_frame_takes_some_time() -> None:
    assert seconds_a_frame(Codec.load("rt", "cpu-fp32"), (50, 34)) > 0


def test_weights_given_by_hand_are_no_matter_of_choice(folder: Path) -> None:
    (path,) = folder.glob("rt-*.safetensors")
    assert Codec.load("auto", "cpu-fp32", weights=path).info.model == path.stem


@pytest.mark.asyncio
@pytest.mark.timeout(60)
async def test_a_call_settles_on_a_codec_before_it_names_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("rt-s", folder)
    give_time(monkeypatch, 1.0)
    coder = Coder("encode", "cpu-fp32", 1)
    try:
        options = CallOptions(codec="auto", size=(64, 48))
        assert (await coder.settle(options)).codec == "rt-s"
        assert (await coder.settle(CallOptions(codec="jpeg"))).codec == "jpeg"
        async with asyncio.timeout(30):
            coded = await coder.encode("rt-s", picture(48, 64), 30)
        assert codec_of(coded.bitstream) == "rt-s"
    finally:
        await coder.close()
