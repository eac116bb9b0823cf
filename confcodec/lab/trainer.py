"""The training loop of the learned codecs: batch, forward, R + lmbda x D, step."""

import json
import logging
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor

from confcodec.codec.codec import QUALITIES
from confcodec.codec.rt import RtConfig, RtModel
from confcodec.errors import ConfcodecError
from confcodec.lab.data import Patches, find_pictures, read_picture, to_batch
from confcodec.lab.loss import Loss, rate_distortion
from confcodec.lab.train import TrainSettings
from confcodec.lab.warm_start import klt_warm_start

logger = logging.getLogger(__name__)

MODELS = {
    "rt": RtConfig(),
    "rt-s": RtConfig(
        "rt-s", width8=64, width16=192, latent=192, blocks8=2, context=128
    ),
}
VALIDATION_QUALITIES = (0, 12, 24, 36, 48, 63)
_LOG_EVERY = 200


@dataclass(slots=True)
class TrainState:
    """All that a resumed run needs to go on as if it had never stopped."""

    model: RtModel
    """The weights being trained."""
    average: RtModel
    """Their exponential moving average."""
    optimizer: torch.optim.AdamW
    """With its moments."""
    generator: torch.Generator
    """Draws patches and qualities; the noise comes from torch's own."""
    step: int = 0
    """Steps done."""
    seconds: float = 0.0
    """Time they took, over all parts of the run."""
    best: float = math.inf
    """Lowest validation loss so far."""


def train(
    settings: TrainSettings,
    data: Path,
    val: Path | None,
    out: Path,
    resume: Path | None,
) -> None:
    """Train a model on a folder of pictures and leave checkpoints in `out`.

    Raises:
        ConfcodecError: no usable pictures, or a checkpoint of another model.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    device = _device(settings.device)
    out.mkdir(parents=True, exist_ok=True)
    console = Console(stderr=True)
    console.print(f"reading {data}")
    patches = Patches(data, settings.patch)
    console.print(
        f"{len(patches.pictures)} pictures of {settings.patch} pixels or more"
    )
    if resume is None and (out / "last.pt").exists():
        resume = out / "last.pt"
    state = start(settings, patches, device)
    if resume is not None:
        load_checkpoint(state, resume, device)
        console.print(f"resumed {resume} at step {state.step}")
    pictures = find_pictures(val) if val else []
    try:
        _loop(settings, state, patches, pictures, out, console)
    except KeyboardInterrupt:
        console.print("interrupted; saving")
    save_checkpoint(state, settings, out / "last.pt")


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


def _loop(
    settings: TrainSettings,
    state: TrainState,
    patches: Patches,
    pictures: list[Path],
    out: Path,
    console: Console,
) -> None:
    writer = _tensorboard(out)
    began = last_save = last_validation = time.monotonic()
    recent: list[tuple[float, float, float]] = []
    while state.step < settings.steps:
        tick = time.monotonic()
        if settings.minutes and tick - began > 60 * settings.minutes:
            break
        loss = train_step(settings, state, patches)
        now = time.monotonic()
        state.seconds += now - tick
        recent.append((float(loss.total), loss.bpp, loss.psnr))
        if state.step % _LOG_EVERY == 0:
            _report(state, recent, (now - began), settings, console, writer)
            recent.clear()
        if now - last_save > 60 * settings.checkpoint_minutes:
            save_checkpoint(state, settings, out / "last.pt")
            last_save = now
        if pictures and now - last_validation > 60 * settings.validate_minutes:
            _validate(settings, state, pictures, out, console, writer)
            last_validation = time.monotonic()
    if pictures:
        _validate(settings, state, pictures, out, console, writer)


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
    averages = list(state.average.parameters())
    torch._foreach_lerp_(averages, list(state.model.parameters()), 1 - keep)


@torch.no_grad()
def validate(
    model: RtModel, pictures: list[Path], quality: int
) -> tuple[float, float, float]:
    """Mean bpp (estimated from rounded symbols), PSNR and loss over picture files."""
    device = next(model.parameters()).device
    model.eval()
    rates, psnrs, losses = [], [], []
    for path in pictures:
        pixels = read_picture(path)
        x = to_batch(pixels).to(device)
        height, width = x.shape[2:]
        padded = torch.nn.functional.pad(
            x, (0, -width % 16, 0, -height % 16), mode="replicate"
        )
        levels = torch.tensor([float(quality)], device=device)
        with torch.autocast(device.type, torch.bfloat16):
            out = model(padded, levels)
        x_hat: Tensor = (
            out.x_hat[:, :, :height, :width].clamp(0, 1) * 255
        ).round() / 255
        out.x_hat = x_hat
        loss = rate_distortion(x, out, levels)
        rates.append(loss.bpp)
        psnrs.append(loss.psnr)
        losses.append(float(loss.total))
    count = len(pictures)
    return sum(rates) / count, sum(psnrs) / count, sum(losses) / count


def _validate(
    settings: TrainSettings,
    state: TrainState,
    pictures: list[Path],
    out: Path,
    console: Console,
    writer: object,
) -> None:
    points = [
        validate(state.average, pictures, quality) for quality in VALIDATION_QUALITIES
    ]
    mean_loss = sum(loss for _, _, loss in points) / len(points)
    table = " ".join(f"{bpp:.4f}:{psnr:.2f}" for bpp, psnr, _ in points)
    hours = state.seconds / 3600
    console.print(
        f"validation at step {state.step}, {hours:.2f} h: loss {mean_loss:.4f}, {table}"
    )
    record = {"step": state.step, "hours": hours, "loss": mean_loss, "rd": points}
    with (out / "validation.jsonl").open("a") as log:
        log.write(json.dumps(record) + "\n")
    if mean_loss < state.best:
        state.best = mean_loss
        save_checkpoint(state, settings, out / "best.pt")
    _ = writer


def save_checkpoint(state: TrainState, settings: TrainSettings, path: Path) -> None:
    """Write everything `load_checkpoint` needs, whole or not at all."""
    bundle = {
        "settings": asdict(settings),
        "model": state.model.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "generator": state.generator.get_state(),
        "torch_generator": torch.get_rng_state(),
        "step": state.step,
        "seconds": state.seconds,
        "best": state.best,
    }
    partial = path.with_suffix(".partial")
    torch.save(bundle, partial)
    partial.replace(path)


def load_checkpoint(state: TrainState, path: Path, device: torch.device) -> None:
    """Put a state back to where `save_checkpoint` left it; runs no code from the file.

    Raises:
        ConfcodecError: no checkpoint, or one of another model.
    """
    try:
        bundle = torch.load(path, map_location=device, weights_only=True)
        state.model.load_state_dict(bundle["model"])
        state.average.load_state_dict(bundle["average"])
        state.optimizer.load_state_dict(bundle["optimizer"])
        state.generator.set_state(bundle["generator"].cpu())
        torch.set_rng_state(bundle["torch_generator"].cpu())
    except Exception as error:  # torch.load and load_state_dict raise many kinds
        raise ConfcodecError(
            f"{path} is no checkpoint of this model ({error}); leave --resume out to start anew"
        ) from error
    state.step, state.seconds = bundle["step"], bundle["seconds"]
    state.best = bundle["best"]


def _report(
    state: TrainState,
    recent: list[tuple[float, float, float]],
    elapsed: float,
    settings: TrainSettings,
    console: Console,
    writer: object,
) -> None:
    total, bpp, psnr = (
        sum(column) / len(recent) for column in zip(*recent, strict=True)
    )
    rate = state.step / max(state.seconds, 1e-9)
    console.print(
        f"step {state.step}  loss {total:.4f}  {bpp:.3f} bpp  {psnr:.2f} dB  "
        f"{rate:.2f} steps/s  {state.seconds / 60:.1f} min  lr {learning_rate(settings, state.step):.1e}"
    )
    _ = (elapsed, writer)


def _tensorboard(out: Path) -> object:
    return None


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfcodecError("no CUDA device is available; use --device cpu")
    return torch.device(name)
