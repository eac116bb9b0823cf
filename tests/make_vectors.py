"""Writes the test vectors of bitstream version 1: run once, `python -m tests.make_vectors`.

They are frozen: a program that reads them wrongly breaks every recorded file and
every call with an older release. New ones go beside them, these stay.
"""

import json

import numpy as np
import torch

from confcodec.codec.bitstream import unpack
from confcodec.codec.rt.codec import RtCodec, load_rt
from confcodec.codec.rt.weights import save_weights
from tests.conftest import flat_tables, picture, tiny_model
from tests.paths import ROOT

FOLDER = ROOT / "tests" / "vectors" / "rt-v1"
CASES = ((40, 56, 0), (130, 70, 20), (150, 210, 45), (96, 128, 63))
"""Height, width and quality of each."""


def digest(codec: RtCodec, bitstream: bytes) -> dict[str, int]:
    """What every decoder must read, exactly: checksums of hyper-latents and symbols."""
    header, payloads = unpack(bitstream)
    z, symbols = codec._latents.read(header, payloads, range(len(payloads)))
    weights = torch.arange(1, symbols.numel() + 1, dtype=torch.float64)
    return {
        "z": int((z.double().flatten() * weights[: z.numel()]).sum()),
        "symbols": int((symbols.double().flatten() * weights).sum()),
        "not_zero": int((symbols != 0).sum()),
    }


def main() -> None:
    """Write weights, bitstreams and what they decode to."""
    FOLDER.mkdir(exist_ok=True)
    weights = save_weights(tiny_model(), flat_tables(), FOLDER)
    codec = load_rt("cpu-fp32", weights=weights)
    cases = []
    for number, (height, width, quality) in enumerate(CASES):
        bitstream = codec.encode(picture(height, width, number), quality)
        (FOLDER / f"{number}.ccb").write_bytes(bitstream)
        np.save(FOLDER / f"{number}.npy", codec.decode(bitstream))
        cases.append(digest(codec, bitstream))
    (FOLDER / "symbols.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
