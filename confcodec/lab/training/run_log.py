"""What a training run tells: progress bar, lines, validation.jsonl and TensorBoard."""

import json
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from torch import Tensor

from confcodec.lab.training.checkpoint import TrainState
from confcodec.lab.training.data import to_batch
from confcodec.lab.training.distributed import Group
from confcodec.lab.training.loss import Loss
from confcodec.lab.training.models import Model
from confcodec.lab.training.validate import QUALITIES_MEASURED, Point, reconstruct
from confcodec.media.picture import read_picture

_LOG_EVERY = 200
_SAMPLES = 4
_SAMPLE_SIDE = 256


class RunLog:
    """The reports of one part of a run."""

    def __init__(self, out: Path, console: Console, steps: int, group: Group) -> None:
        self._out, self._console = out, console
        self._writer = None if group.rank else _writer(out / "tensorboard")
        self._recent: deque[tuple[float, float, float]] = deque(maxlen=_LOG_EVERY)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("training", total=steps)

    def __enter__(self) -> "RunLog":
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()
        if self._writer:
            self._writer.close()

    def step(self, state: TrainState, loss: Loss, rate: float) -> None:
        """Count one step, `rate` steps a second; every 200th leaves a line."""
        self._recent.append((float(loss.total.detach()), loss.bpp, loss.psnr))
        columns = zip(*self._recent, strict=True)
        total, bpp, psnr = (sum(column) / len(self._recent) for column in columns)
        text = (
            f"step {state.step}  loss {total:.4f}  {bpp:.3f} bpp  {psnr:.2f} dB  "
            f"{rate:.2f} steps/s"
        )
        self._bar.update(self._task, completed=state.step, description=text)
        if state.step % _LOG_EVERY == 0:
            self._console.print(
                f"{text}  {state.seconds / 60:.1f} min", highlight=False
            )
            self._scalars("train", state.step, total, bpp, psnr)

    def validation(
        self, state: TrainState, points: Sequence[Point], pictures: Sequence[Path]
    ) -> float:
        """Write a validation down and return its mean loss."""
        loss = sum(point.loss for point in points) / len(points)
        hours = state.seconds / 3600
        record = {
            "step": state.step,
            "hours": round(hours, 3),
            "loss": loss,
            "rd": [(point.bpp, point.psnr, point.loss) for point in points],
        }
        if not self._writer:
            return loss
        with (self._out / "validation.jsonl").open("a") as log:
            log.write(json.dumps(record) + "\n")
        table = " ".join(f"{point.bpp:.4f}:{point.psnr:.2f}" for point in points)
        self._console.print(
            f"validation at step {state.step}, {hours:.2f} h: loss {loss:.4f}, {table}",
            highlight=False,
        )
        for quality, point in zip(QUALITIES_MEASURED, points, strict=True):
            name = f"validation/q{quality}"
            self._scalars(name, state.step, point.loss, point.bpp, point.psnr)
        self._show(state, pictures[:_SAMPLES])
        return loss

    def _scalars(
        self, name: str, step: int, loss: float, bpp: float, psnr: float
    ) -> None:
        for key, value in (("loss", loss), ("bpp", bpp), ("psnr", psnr)):
            if self._writer:
                self._writer.add_scalar(f"{name}/{key}", value, step)

    def _show(self, state: TrainState, pictures: Sequence[Path]) -> None:
        """Rows of original, decoded, and their difference, 8 times as strong, around grey."""
        rows = [sample_row(state.average, to_batch(read_picture(p))) for p in pictures]
        name = "validation/original, decoded, error x8"
        if self._writer:
            self._writer.add_image(name, torch.cat(rows, 1), state.step)


def _writer(folder: Path) -> Any:
    """TensorBoard's writer, which has no types; imported late, for it is slow."""
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(folder)


def sample_row(model: Model, x: Tensor, quality: float = 28) -> Tensor:
    """(3, 256, 768): the middle of x (1, 3, H, W), decoded, and the error times 8."""
    device = next(model.parameters()).device
    height, width = x.shape[2:]
    top, left = (
        max(0, (height - _SAMPLE_SIDE) // 2),
        max(0, (width - _SAMPLE_SIDE) // 2),
    )
    x = x[:, :, top : top + _SAMPLE_SIDE, left : left + _SAMPLE_SIDE].to(device)
    x_hat, _ = reconstruct(model, x, quality)
    error = (0.5 + 8 * (x_hat - x)).clamp(0, 1)
    row = torch.cat([x, x_hat, error], 3)[0].float().cpu()
    pad = (0, 3 * _SAMPLE_SIDE - row.shape[2], 0, _SAMPLE_SIDE - row.shape[1])
    return torch.nn.functional.pad(row, pad)
