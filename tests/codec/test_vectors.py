"""Bitstream version 1 is frozen: what was written once is read for ever."""

import json

import numpy as np
import pytest

from confcodec.codec.rt.codec import load_rt
from tests.make_vectors import CASES, FOLDER, digest


@pytest.mark.parametrize("number", range(len(CASES)))
@pytest.mark.parametrize("device", ["cpu-fp32", "cpu-bf16"])
def test_a_bitstream_of_another_day_reads_the_same(number: int, device: str) -> None:
    codec = load_rt(device, weights=next(FOLDER.glob("*.safetensors")))
    bitstream = (FOLDER / f"{number}.ccb").read_bytes()
    expected = json.loads((FOLDER / "symbols.json").read_text())[number]
    assert digest(codec, bitstream) == expected
    pixels = codec.decode(bitstream).astype(int)
    kept = np.load(FOLDER / f"{number}.npy")
    difference = np.abs(pixels - kept)
    assert pixels.shape == (*CASES[number][:2], 3)
    if device == "cpu-fp32":
        assert difference.max() <= 1
    else:
        assert difference.mean() < 1
