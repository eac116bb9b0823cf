"""The training loop of the learned codecs: batch, forward, R + lmbda x D, step."""

import json
import math
import signal
import time
from collections import deque
from pathlib import Path
from types import FrameType

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor

from confcodec.codec.bands import STRIDE
from confcodec.codec.codec import QUALITIES
from confcodec.codec.device import keep_memory
from confcodec.codec.rt import RtConfig, RtModel, RtOutput
from confcodec.errors import ConfcodecError
from confcodec.lab.checkpoint import (
    TrainState,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from confcodec.lab.data import Patches, find_pictures, read_picture, to_batch
from confcodec.lab.loss import Loss, rate_distortion
from confcodec.lab.train import TrainSettings
from confcodec.lab.warm_start import klt_warm_start

MODELS = {
    "rt": RtConfig(),
    "rt-s": RtConfig("rt-s", width8=64, width16=128, latent=128, blocks8=2, blocks16=2),
}
VALIDATION_QUALITIES = (0, 12, 24, 36, 48, 63)
_LOG_EVERY = 200


def train(
    settings: TrainSettings,
    data: Path,
    val: Path | None,
    out: Path,
    resume: Path | None,
) -> None:
    """Train a model on a folder of pictures and leave checkpoints in `out`.

    An interrupt (SIGINT or SIGTERM) ends the run after the step under way, and saves.

    Raises:
        ConfcodecError: no usable pictures, or a checkpoint of another model.
    """
    if settings.patch <= 0 or settings.patch % 128:
        raise ConfcodecError(f"--patch {settings.patch}: give a multiple of 128")
    keep_memory()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = _device(settings.device)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    patches = Patches(data, settings.patch)
    pictures = find_pictures(val) if val else []
    console.print(
        f"{len(patches.pictures)} pictures of {settings.patch} pixels or more in {data}"
    )
    if resume is None and (out / "last.pt").exists():
        resume = out / "last.pt"
    state = start(settings, patches, device)
    if resume is not None:
        load_checkpoint(state, resume, device)
        console.print(f"resumed {resume} at step {state.step}")
    _Run(settings, state, patches, pictures, out, console).loop()


def start(
    settings: TrainSettings, patches: Patches, device: torch.device
) -> TrainState:
    """A model at step 0, warm-started from the pictures."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    config = MODELS[settings.model]
    model, average = RtModel(config), RtModel(config)
    samples = torch.cat([patches.batch(settings.batch, generator) for _ in range(24)])
    klt_warm_start(model, samples)
    average.load_state_dict(model.state_dict())
    for network in (model, average):
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(
        model.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=0.0
    )
    return TrainState(model, average.eval(), optimizer, generator)


def load_average(checkpoint: Path) -> RtModel:
    """The averaged weights of a checkpoint, the ones to export.

    Raises:
        ConfcodecError: the file is no checkpoint.
    """
    bundle = read_checkpoint(checkpoint, torch.device("cpu"))
    model = RtModel(MODELS[bundle["settings"]["model"]])
    model.load_state_dict(bundle["average"])
    return model.eval()


class _Run:
    """One part of a run: the clock, the log and the files around `train_step`."""

    def __init__(
        self,
        settings: TrainSettings,
        state: TrainState,
        patches: Patches,
        pictures: list[Path],
        out: Path,
        console: Console,
    ) -> None:
        self.settings, self.state, self.patches = settings, state, patches
        self.pictures, self.out, self.console = pictures, out, console
        self.stopped = False
        self.recent: deque[tuple[float, float, float]] = deque(maxlen=_LOG_EVERY)

    def loop(self) -> None:
        """Train until the steps or the minutes are over, or a signal asks to stop."""
        settings, state = self.settings, self.state
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        began = saved = validated = time.monotonic()
        with Progress(
            *columns, console=self.console, disable=not self.console.is_terminal
        ) as bar:
            task = bar.add_task("training", total=settings.steps, completed=state.step)
            while state.step < settings.steps and not self.stopped:
                self._step()
                bar.update(task, completed=state.step, description=self._summary())
                now = time.monotonic()
                if settings.minutes and now - began > 60 * settings.minutes:
                    break
                if now - saved > 60 * settings.checkpoint_minutes:
                    save_checkpoint(state, settings, self.out / "last.pt")
                    saved = now
                if self.pictures and now - validated > 60 * settings.validate_minutes:
                    self._validate()
                    validated = time.monotonic()
        save_checkpoint(state, settings, self.out / "last.pt")
        if self.pictures and not self.stopped:
            self._validate()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True

    def _step(self) -> None:
        began = time.monotonic()
        loss = train_step(self.settings, self.state, self.patches)
        self.state.seconds += time.monotonic() - began
        self.recent.append((float(loss.total.detach()), loss.bpp, loss.psnr))
        if self.state.step % _LOG_EVERY == 0:
            minutes = self.state.seconds / 60
            self.console.print(f"{self._summary()}  {minutes:.1f} min", highlight=False)

    def _summary(self) -> str:
        columns = zip(*self.recent, strict=True)
        total, bpp, psnr = (sum(column) / len(self.recent) for column in columns)
        rate = self.state.step / max(self.state.seconds, 1e-9)
        return (
            f"step {self.state.step}  loss {total:.4f}  {bpp:.3f} bpp  {psnr:.2f} dB  "
            f"{rate:.2f} steps/s"
        )

    def _validate(self) -> None:
        state = self.state
        points = [
            validate(state.average, self.pictures, q) for q in VALIDATION_QUALITIES
        ]
        loss = sum(point[2] for point in points) / len(points)
        hours = state.seconds / 3600
        record = {
            "step": state.step,
            "hours": round(hours, 3),
            "loss": loss,
            "rd": points,
        }
        with (self.out / "validation.jsonl").open("a") as log:
            log.write(json.dumps(record) + "\n")
        table = " ".join(f"{bpp:.4f}:{psnr:.2f}" for bpp, psnr, _ in points)
        self.console.print(
            f"validation at step {state.step}, {hours:.2f} h: loss {loss:.4f}, {table}",
            highlight=False,
        )
        if loss < state.best:
            state.best = loss
            save_checkpoint(state, self.settings, self.out / "best.pt")


def train_step(settings: TrainSettings, state: TrainState, patches: Patches) -> Loss:
    """One optimizer step on one random batch at random qualities."""
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(settings, state.step)
    device = next(state.model.parameters()).device
    x = patches.batch(settings.batch, state.generator).to(device)
    quality = torch.rand(settings.batch, generator=state.generator) * (QUALITIES - 1)
    quality = quality.to(device)
    state.model.train()
    with torch.autocast(device.type, torch.bfloat16):
        out = state.model(x, quality)
    loss = rate_distortion(x, out, quality)
    state.optimizer.zero_grad(set_to_none=True)
    loss.total.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
    state.optimizer.step()
    state.step += 1
    _update_average(state, settings.ema)
    return loss


def learning_rate(settings: TrainSettings, step: int) -> float:
    """Rise, plateau, cosine fall: a run on the plateau can be resumed without end."""
    rate = settings.lr * min(1.0, (step + 1) / settings.warmup_steps)
    decayed = step - (settings.steps - settings.decay_steps)
    if settings.decay_steps and decayed > 0:
        cosine = 0.5 * (
            1 + math.cos(math.pi * min(1.0, decayed / settings.decay_steps))
        )
        rate *= settings.lr_floor + (1 - settings.lr_floor) * cosine
    return rate


@torch.no_grad()
def _update_average(state: TrainState, decay: float) -> None:
    keep = min(decay, (state.step + 1) / (state.step + 10))
    averages: list[Tensor] = list(state.average.parameters())
    weights: list[Tensor] = list(state.model.parameters())
    torch._foreach_lerp_(averages, weights, 1 - keep)


@torch.no_grad()
def validate(
    model: RtModel, pictures: list[Path], quality: int
) -> tuple[float, float, float]:
    """Mean bpp (estimated, from rounded symbols), PSNR and loss over picture files."""
    device = next(model.parameters()).device
    model.eval()
    rows = []
    for path in pictures:
        x = to_batch(read_picture(path)).to(device)
        height, width = x.shape[2:]
        padded = F.pad(x, (0, -width % STRIDE, 0, -height % STRIDE), mode="replicate")
        levels = torch.tensor([float(quality)], device=device)
        with torch.autocast(device.type, torch.bfloat16):
            out = model(padded, levels)
        x_hat: Tensor = (
            out.x_hat[:, :, :height, :width].clamp(0, 1) * 255
        ).round() / 255
        loss = rate_distortion(x, RtOutput(x_hat, out.bits_y, out.bits_z), levels)
        rows.append((loss.bpp, loss.psnr, float(loss.total)))
    bpp, psnr, total = (sum(column) / len(rows) for column in zip(*rows, strict=True))
    return bpp, psnr, total


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfcodecError("no CUDA device is available; use --device cpu")
    return torch.device(name)
