"""Where the transforms run, and in which number format: measured, not guessed."""

import ctypes
import logging
import sys
import time
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F

from confcodec.machine.cores import usable_cores

logger = logging.getLogger(__name__)

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Number formats by the names that people read."""
_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


@dataclass(frozen=True, slots=True)
class Device:
    """A device and the format of the transforms on it."""

    device: torch.device
    """cpu or cuda."""
    dtype: torch.dtype
    """fp32, bf16 or fp16."""
    layer_seconds: float | None = None
    """What a layer like the codec's takes on one thread of the CPU; None elsewhere."""

    @property
    def dtype_name(self) -> str:
        """fp32, bf16 or fp16."""
        return _DTYPE_NAMES[self.dtype]


def choose_device(name: str) -> Device:
    """CUDA in half precision if present and allowed, else the CPU's faster format.

    Args:
        name: auto, cpu or cuda; cpu-fp32 and cpu-bf16 leave no choice.

    Raises:
        ValueError: no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda":
        if not torch.cuda.is_available():
            raise ValueError(
                "no CUDA device is available here; use --device cpu or auto"
            )
        # Reduced-precision products would break the integer-exact scale network.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        return Device(torch.device("cuda"), torch.float16)
    if name in ("cpu-fp32", "cpu-bf16"):
        dtype = DTYPES[name[4:]]
        return Device(torch.device("cpu"), dtype, _layer_seconds(dtype)[dtype])
    if name != "cpu":
        raise ValueError(
            f"no device {name!r}; choose auto, cpu, cpu-fp32, cpu-bf16 or cuda"
        )
    faster, seconds = _cpu_format()
    logger.info(
        "CPU transforms in %s: 1x1 layer on one thread takes %.2f ms in fp32, %.2f ms in bf16",
        _DTYPE_NAMES[faster],
        1e3 * seconds[torch.float32],
        1e3 * seconds[torch.bfloat16],
    )
    return Device(torch.device("cpu"), faster, seconds[faster])


def mixed_precision(device: torch.device) -> torch.autocast:
    """What training runs under: products in bf16 where the device is faster in it, else in fp32."""
    wanted = device.type != "cpu" or _cpu_format()[0] == torch.bfloat16
    return torch.autocast(device.type, torch.bfloat16, enabled=wanted)


def use_threads(threads: int | None) -> None:
    """Run the transforms on so many threads of the CPU.

    Args:
        threads: None: torch's default, but no more than may run at once. It heeds
            `OMP_NUM_THREADS` and the scheduler, not the quota of a container.
    """
    if threads is None and torch.get_num_threads() > usable_cores():
        threads = usable_cores()
    if threads:
        torch.set_num_threads(threads)


def keep_memory() -> None:
    """Let the C library keep freed buffers, so that no frame pays for fresh pages.

    Large tensors otherwise come from mmap and go back at once; a training step
    took 1.2 times, its additions 7 times as long.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):  # glibc
        trim_threshold, mmap_threshold = -1, -3
        libc.mallopt(mmap_threshold, 1 << 30)
        libc.mallopt(trim_threshold, (1 << 31) - 1)


def _cpu_format() -> tuple[torch.dtype, dict[torch.dtype, float]]:
    """The CPU's faster format, and what a layer takes in each."""
    # bf16 crawls without AVX512-BF16 or AMX: ten times as slow as fp32.
    seconds = _layer_seconds(torch.float32, torch.bfloat16)
    return min(seconds, key=lambda dtype: seconds[dtype]), seconds


@cache
@torch.inference_mode()
def _layer_seconds(*dtypes: torch.dtype) -> dict[torch.dtype, float]:
    """Time a layer like the codec's in these formats, on one thread; once in a process."""
    # Of zeros: random weights would shift the random numbers of a training step under way.
    weight, bias = torch.zeros(128, 128, 1, 1), torch.zeros(128)
    x = torch.zeros(1, 128, 60, 80).contiguous(memory_format=torch.channels_last)
    cases = [(x.to(dtype), weight.to(dtype), bias.to(dtype)) for dtype in dtypes]
    seconds = dict.fromkeys(dtypes, float("inf"))
    threads = torch.get_num_threads()
    # Several threads wait for each other where others are at work, and that would be measured.
    torch.set_num_threads(1)
    for _ in range(8):
        for dtype, case in zip(dtypes, cases, strict=True):
            began = time.perf_counter()
            F.conv2d(*case)
            seconds[dtype] = min(seconds[dtype], time.perf_counter() - began)
    torch.set_num_threads(threads)
    return seconds
