"""`confcodec bench --no-network`: where a frame's milliseconds go, without a call.

Frames of the source are encoded and decoded one after the other on the threads
that a call would give to each side. The transforms are set against what the
machine can do: large matrix products in the same format, timed in the same run.
"""

import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from confcodec.call.options.call import CallOptions
from confcodec.codec.device import DTYPES
from confcodec.codec.frame import Pixels
from confcodec.codec.interface import Codec
from confcodec.codec.metrics import bpp, psnr
from confcodec.codec.rt.codec import RtCodec
from confcodec.media.sources import open_source

FRAMES = 60
_PEAK_SIDE = 2048
_PEAK_RUNS = 7


class Stopwatch:
    """Called with the name of each stage as it ends; keeps the milliseconds of every one."""

    def __init__(self, wait: Callable[[], None]) -> None:
        self._wait = wait
        self.frames: list[dict[str, float]] = []
        self._last = 0.0

    def begin(self) -> None:
        """Start a frame."""
        self._wait()
        self.frames.append({})
        self._last = time.perf_counter()

    def __call__(self, stage: str) -> None:
        """End a stage; one that comes twice is added up."""
        self._wait()
        now = time.perf_counter()
        frame = self.frames[-1]
        frame[stage] = frame.get(stage, 0.0) + 1e3 * (now - self._last)
        self._last = now

    def medians(self) -> dict[str, float]:
        """Milliseconds of each stage and, as `whole`, of all."""
        stages = dict.fromkeys(stage for frame in self.frames for stage in frame)
        out = {
            stage: float(np.median([frame.get(stage, 0.0) for frame in self.frames]))
            for stage in stages
        }
        whole = float(np.median([sum(frame.values()) for frame in self.frames]))
        return out | {"whole": whole}


def measure(options: CallOptions) -> dict[str, Any]:
    """Time both directions on frames of the source; the report is ready for JSON.

    Raises:
        ConfcodecError: source or codec cannot be used.
    """
    codec = Codec.load(options.codec, options.device, threads=options.codec_threads)
    source = open_source(options.source or "demo", options.size, options.fps)
    try:
        frames = [source.read().pixels for _ in range(FRAMES)]
    finally:
        source.close()
    watch = {side: Stopwatch(_waiter(codec)) for side in ("encode", "decode")}
    sizes, quality = [], []
    for pixels in [*frames[:5], *frames]:  # the first five to warm up
        decoded, bitstream = _both_ways(codec, pixels, options.quality, watch)
        sizes.append(bpp(bitstream, pixels))
        quality.append(psnr(pixels, decoded))
    for side in watch.values():
        del side.frames[:5]
    report: dict[str, Any] = {
        "codec": codec.info.codec,
        "model": codec.info.model,
        "dtype": codec.info.dtype,
        "threads": codec.info.threads,
        "size": list(options.size),
        "quality": options.quality,
        "frames": len(frames),
        "bpp": float(np.mean(sizes[5:])),
        "psnr_db": float(np.mean(quality[5:])),
        **{f"{side}_ms": each.medians() for side, each in watch.items()},
    }
    if isinstance(codec, RtCodec):
        report |= _against_peak(codec, frames[0], report)
    return report


def describe(report: dict[str, Any]) -> str:
    """The report as a table for people."""
    lines = [
        "{codec} ({model}), {dtype}, threads: {threads}; {frames} frames of "
        "{size[0]}x{size[1]} at quality {quality}: {bpp:.3f} bpp, {psnr_db:.2f} dB".format(
            **report
        )
    ]
    for side in ("encode", "decode"):
        parts = ", ".join(f"{k} {v:.1f}" for k, v in report[f"{side}_ms"].items())
        lines.append(f"{side:8} ms, medians: {parts}")
    if "peak_gmacs" in report:
        lines.append(
            "transforms: {analysis_gmac:.2f} and {synthesis_gmac:.2f} GMAC, "
            "{analysis_gmacs:.0f} and {synthesis_gmacs:.0f} GMAC/s, "
            "{analysis_share:.0%} and {synthesis_share:.0%} of the {peak_gmacs:.0f} GMAC/s "
            "of large matrix products".format(**report)
        )
    return "\n".join(lines)


def _both_ways(
    codec: Codec, pixels: Pixels, quality: int, watch: dict[str, Stopwatch]
) -> tuple[Pixels, bytes]:
    results: list[Any] = [pixels]
    steps: Iterable[tuple[str, Callable[[Any], Any]]] = (
        ("encode", lambda picture: codec.encode(picture, quality)),
        ("decode", codec.decode),
    )
    for side, step in steps:
        codec.on_stage = watch[side]
        watch[side].begin()
        results.append(step(results[-1]))
        watch[side]("rest")
    codec.on_stage = None
    return results[2], results[1]


def _waiter(codec: Codec) -> Callable[[], None]:
    return torch.cuda.synchronize if codec.info.device == "cuda" else lambda: None


def _against_peak(
    codec: RtCodec, pixels: Pixels, report: dict[str, Any]
) -> dict[str, float]:
    peak = _peak(codec)
    out = {"peak_gmacs": peak}
    analysis, synthesis = codec.transforms
    bitstream = codec.encode(pixels, report["quality"])
    for name, network, run, side in (
        (
            "analysis",
            analysis,
            lambda: codec.encode(pixels, report["quality"]),
            "encode",
        ),
        ("synthesis", synthesis, lambda: codec.decode(bitstream), "decode"),
    ):
        gmac = count_macs(network, run) / 1e9
        rate = gmac / report[f"{side}_ms"]["transform"] * 1e3
        out |= {
            f"{name}_gmac": gmac,
            f"{name}_gmacs": rate,
            f"{name}_share": rate / peak,
        }
    return out


def count_macs(network: nn.Module, run: Callable[[], object]) -> int:
    """Multiply-adds of the convolutions in `network` while `run` uses it once."""
    total = 0

    def count(layer: nn.Module, inputs: object, output: torch.Tensor) -> None:
        nonlocal total
        assert isinstance(layer, nn.Conv2d)
        total += output.numel() * layer.weight[0].numel()

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    run()
    for hook in hooks:
        hook.remove()
    return total


@torch.inference_mode()
def _peak(codec: RtCodec) -> float:
    """GMAC/s of square matrix products on the codec's device, in its format."""
    shape = (_PEAK_SIDE, _PEAK_SIDE)
    dtype = DTYPES[codec.info.dtype]
    a = torch.randn(shape, device=codec.info.device).to(dtype)
    wait, best = _waiter(codec), float("inf")
    for _ in range(_PEAK_RUNS):
        wait()
        began = time.perf_counter()
        a @ a
        wait()
        best = min(best, time.perf_counter() - began)
    return float(_PEAK_SIDE**3 / best / 1e9)
