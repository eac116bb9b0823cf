"""The training loop of the learned codecs: batch, forward, R + lmbda x D, step."""

import math
import shutil
import time
from collections import deque
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from confcodec.codec.cae.networks import CaeModel
from confcodec.codec.device import keep_memory, mixed_precision, use_threads
from confcodec.codec.quality import QUALITIES
from confcodec.codec.rt.networks import RtModel, to_model
from confcodec.errors import ConfcodecError
from confcodec.lab.pictures import readable_paths
from confcodec.lab.training.checkpoint import (
    TrainState,
    load_checkpoint,
    read_checkpoint,
    save_checkpoint,
)
from confcodec.lab.training.data import Patches
from confcodec.lab.training.distributed import Group, join_group
from confcodec.lab.training.loss import Loss, rate_distortion
from confcodec.lab.training.models import MODELS, Model, build, coefficients_at
from confcodec.lab.training.run_log import RunLog
from confcodec.lab.training.settings import TrainSettings
from confcodec.lab.training.soap import Soap
from confcodec.lab.training.validate import validate
from confcodec.lab.training.warm_start import klt_warm_start
from confcodec.lab.training.warm_start_cae import klt_warm_start_cae
from confcodec.machine.ending import handle, stop_signals

_RATE_STEPS = 200
_WILD = 8.0
"""Times the usual norm of the gradient at which a step is left out."""
_STOPPED = 60.0
"""Seconds: a step that takes longer was stopped meanwhile (SIGSTOP), which is no training."""


def train(
    settings: TrainSettings,
    data: Path,
    val: Path | None,
    out: Path,
    resume: Path | None,
) -> None:
    """Train a model on a folder of pictures and leave checkpoints in `out`.

    An interrupt (SIGINT, SIGTERM or SIGHUP) ends the run after the step under way, and saves.

    Raises:
        ConfcodecError: no usable pictures, or a checkpoint of another model.
    """
    if settings.patch <= 0 or settings.patch % 128:
        raise ConfcodecError(f"--patch {settings.patch}: give a multiple of 128")
    keep_memory()
    use_threads(settings.threads or None)
    device = _device(settings.device)
    out.mkdir(parents=True, exist_ok=True)
    patches = Patches(data, settings.patch)
    pictures = readable_paths(val) if val else []
    if resume is None and (out / "last.pt").exists():
        resume = out / "last.pt"
    with join_group(device) as group:
        console = Console(stderr=True, quiet=group.rank > 0)
        console.print(
            f"{len(patches.pictures)} pictures of {settings.patch} pixels or more in {data}"
        )
        state = start(settings, patches, device)
        if resume is not None:
            load_checkpoint(state, resume, device)
            console.print(f"resumed {resume} at step {state.step}")
        with RunLog(out, console, settings.steps, group) as log:
            _Run(settings, state, patches, pictures, out, group, log).loop()


def start(
    settings: TrainSettings, patches: Patches, device: torch.device
) -> TrainState:
    """A model at step 0, warm-started from the pictures."""
    torch.manual_seed(settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    config = MODELS[settings.model]
    model, average = build(config), build(config)
    samples = [patches.batch(settings.batch, generator) for _ in range(24)]
    if isinstance(model, RtModel):
        klt_warm_start(model, torch.cat(samples).float() / 255)
    else:
        klt_warm_start_cae(model, torch.cat(samples).float() / 255)
        if settings.scales_only:
            model.rest_networks()
    average.load_state_dict(model.state_dict())
    for network in (model, average):
        network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if settings.compile:
        _compile(model)
    return TrainState(model, average.eval(), _optimizer(settings, model))


def _compile(model: Model) -> None:
    """Fuse the element-by-element work between the layers, at the first step."""
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise ConfcodecError("--compile 1 needs a C++ compiler; install g++")
    model.compile()


def _optimizer(settings: TrainSettings, model: Model) -> Soap | torch.optim.AdamW:
    groups, betas = _groups(model), (0.9, 0.98)
    if settings.optimizer == "soap":
        return Soap(groups, settings.lr, betas)
    return torch.optim.AdamW(groups, settings.lr, betas, weight_decay=0.0, fused=True)


def _groups(model: Model) -> list[dict[str, Any]]:
    """The parameters; those of `cae`'s rate learn ten times as fast as its networks."""
    if isinstance(model, RtModel):
        return [{"params": list(model.parameters())}]
    rate = [*model.scale.parameters(), *model.mixture.parameters()]
    networks = [*model.analysis.parameters(), *model.synthesis.parameters()]
    return [{"params": networks}, {"params": rate, "lr_factor": 10.0}]


def load_average(checkpoint: Path) -> Model:
    """The averaged weights of a checkpoint, the ones to export.

    Raises:
        ConfcodecError: the file is no checkpoint.
    """
    bundle = read_checkpoint(checkpoint, torch.device("cpu"))
    model = build(MODELS[bundle["settings"]["model"]])
    model.load_state_dict(bundle["average"])
    return model.eval()


class _Run:
    """One part of a run: the clock and the files around `train_step`."""

    def __init__(
        self,
        settings: TrainSettings,
        state: TrainState,
        patches: Patches,
        pictures: list[Path],
        out: Path,
        group: Group,
        log: RunLog,
    ) -> None:
        self.settings, self.state, self.patches = settings, state, patches
        self.pictures, self.out, self.group, self.log = pictures, out, group, log
        self.stopped = False

    def loop(self) -> None:
        """Train until the steps or the minutes are over, or a signal asks to stop."""
        settings, state = self.settings, self.state
        for number in stop_signals():
            handle(number, self._stop)
        times = deque([time.monotonic()], maxlen=_RATE_STEPS)
        began = saved = validated = times[0]
        stop = False
        while state.step < settings.steps and not stop:
            now = time.monotonic()
            flags = (
                self.stopped or 0 < 60 * settings.minutes < now - began,
                now - saved > 60 * settings.checkpoint_minutes,
                bool(self.pictures)
                and now - validated > 60 * settings.validate_minutes,
            )
            loss, (stop, save, judge) = train_step(
                settings, state, self.patches, self.group, flags
            )
            times.append(time.monotonic())
            state.seconds += min(times[-1] - now, _STOPPED)
            self.log.step(state, loss, (len(times) - 1) / (times[-1] - times[0]))
            if save:
                self._save("last.pt")
                saved = time.monotonic()
            if judge:
                self._validate()
                validated = time.monotonic()
        self._save("last.pt")
        if self.pictures and not self.stopped:
            self._validate()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped = True

    def _save(self, name: str) -> None:
        if self.group.rank == 0:
            path = self.out / name
            save_checkpoint(self.state, self.settings, path, self.group.size)

    def _validate(self) -> None:
        points = validate(self.state.average, self.pictures, self.group)
        loss = self.log.validation(self.state, points, self.pictures)
        if loss < self.state.best:
            self.state.best = loss
            self._save("best.pt")


def train_step(
    settings: TrainSettings,
    state: TrainState,
    patches: Patches,
    group: Group | None = None,
    flags: tuple[bool, ...] = (),
) -> tuple[Loss, list[bool]]:
    """One optimizer step on a random batch of each process, at random qualities.

    Returns:
        The loss of this process' batch; which `flags` any process raised.
    """
    group = group or Group()
    loss = backward(settings, state, patches, group.rank)
    raised = group.average_gradients(state.model.parameters(), flags)
    update(settings, state)
    return loss, raised


def backward(
    settings: TrainSettings, state: TrainState, patches: Patches, rank: int
) -> Loss:
    """Leave the gradient of one random batch in the model; returns its loss."""
    # Drawn anew for each step, so that a resumed run needs no generator's state.
    seed = (settings.seed << 40) + (state.step << 8) + rank
    generator = torch.Generator().manual_seed(seed)
    torch.manual_seed(seed)
    device = next(state.model.parameters()).device
    x = to_model(patches.batch(settings.batch, generator).to(device))
    quality = torch.rand(settings.batch, generator=generator) * (QUALITIES - 1)
    if settings.quality >= 0:
        quality.fill_(settings.quality)
    quality = quality.to(device)
    _let_in(settings, state)
    state.model.train()
    with mixed_precision(device):
        out = state.model(x, quality)
    loss = rate_distortion(x, out, quality)
    state.optimizer.zero_grad(set_to_none=True)
    loss.total.backward()  # type: ignore[no-untyped-call]
    return loss


def _let_in(settings: TrainSettings, state: TrainState) -> None:
    """Incremental training: the coefficients of `cae` come into use one after the other."""
    for model in (state.model, state.average):
        if isinstance(model, CaeModel):
            count = model.config.latent
            model.admit(coefficients_at(state.step, settings.mask_steps, count))


def update(settings: TrainSettings, state: TrainState) -> None:
    """Take one step along the gradient in the model."""
    for part in state.optimizer.param_groups:
        part["lr"] = learning_rate(settings, state.step) * part.get("lr_factor", 1.0)
    norm = torch.nn.utils.clip_grad_norm_(state.model.parameters(), settings.clip)
    state.step += 1
    # One batch in thousands makes training diverge; it is left out.
    if state.norm and not norm < _WILD * state.norm:
        return
    usual = state.norm or float(norm)
    state.norm = usual + (float(norm) - usual) / 100
    state.optimizer.step()
    _update_average(state, settings.ema)


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


def _device(name: str) -> torch.device:
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfcodecError("no CUDA device is available; use --device cpu")
    return torch.device(name)
