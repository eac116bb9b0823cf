"""Training: it learns, it resumes, and what it exports codes pictures."""

import json
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from confcodec.codec import device
from confcodec.codec.device import mixed_precision
from confcodec.codec.metrics import psnr
from confcodec.codec.rt.codec import load_rt
from confcodec.errors import ConfcodecError
from confcodec.lab.export.freeze import freeze
from confcodec.lab.training import models
from confcodec.lab.training.checkpoint import (
    load_checkpoint,
    save_checkpoint,
    shrink_checkpoint,
)
from confcodec.lab.training.data import Patches
from confcodec.lab.training.loss import LMBDA_HIGH, LMBDA_LOW, lmbda_of
from confcodec.lab.training.settings import TrainSettings
from confcodec.lab.training.trainer import (
    backward,
    learning_rate,
    start,
    train,
    train_step,
    update,
)
from confcodec.media.picture import find_pictures
from tests.conftest import TINY, picture

SETTINGS = TrainSettings(
    batch=2, patch=128, warmup_steps=5, lr=2e-3, validate_minutes=0.0
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models.MODELS, "rt", TINY)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for seed in range(3):
        Image.fromarray(picture(160, 200, seed)).save(path / f"{seed}.png")
    return path


def test_it_overfits_one_batch(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patches = Patches(folder, 128)
    state = start(SETTINGS, patches, CPU)
    batch = patches.batch(2, torch.Generator().manual_seed(0))
    monkeypatch.setattr(patches, "batch", lambda size, generator: batch)
    losses = [
        float(train_step(SETTINGS, state, patches)[0].total.detach())
        for _ in range(120)
    ]
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])


@pytest.mark.parametrize(
    ("bf16_seconds", "dtype"), [(0.001, torch.bfloat16), (0.02, torch.float32)]
)
def test_products_are_in_the_format_that_is_faster_here(
    monkeypatch: pytest.MonkeyPatch, bf16_seconds: float, dtype: torch.dtype
) -> None:
    seconds = {torch.float32: 0.002, torch.bfloat16: bf16_seconds}
    monkeypatch.setattr(device, "_layer_seconds", lambda *dtypes: seconds)
    with mixed_precision(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_resuming_equals_never_stopping(
    folder: Path, tmp_path: Path, optimizer: str
) -> None:
    settings, patches = replace(SETTINGS, optimizer=optimizer), Patches(folder, 128)
    through = start(settings, patches, CPU)
    for _ in range(6):
        train_step(settings, through, patches)
    first = start(settings, patches, CPU)
    for _ in range(3):
        train_step(settings, first, patches)
    save_checkpoint(first, settings, tmp_path / "last.pt")
    resumed = start(settings, patches, CPU)
    load_checkpoint(resumed, tmp_path / "last.pt", CPU)
    for _ in range(3):
        train_step(settings, resumed, patches)
    assert resumed.step == through.step == 6
    for one, other in zip(
        through.average.parameters(), resumed.average.parameters(), strict=True
    ):
        assert torch.equal(one, other)


def test_a_run_leaves_checkpoints_a_log_and_usable_weights(
    folder: Path, tmp_path: Path
) -> None:
    settings = replace(SETTINGS, steps=8, patch=128)
    train(settings, folder, folder, tmp_path, None)
    lines = (tmp_path / "validation.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["step"] == 8
    assert (tmp_path / "last.pt").exists()
    path = freeze(
        tmp_path / "best.pt", folder, tmp_path / "weights", batches=2, patch=128
    )
    codec = load_rt("cpu-fp32", weights=path)
    pixels = picture(160, 200)
    # The warm start alone is a block transform: a picture is recognisable after 8 steps.
    assert psnr(pixels, codec.decode(codec.encode(pixels, 50))) > 20
    train(replace(settings, steps=10), folder, None, tmp_path, None)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 10


@pytest.mark.parametrize("optimizer", ["adam", "soap"])
def test_a_run_goes_on_from_a_small_checkpoint(
    folder: Path, tmp_path: Path, optimizer: str
) -> None:
    settings = replace(SETTINGS, optimizer=optimizer)
    patches, small = Patches(folder, 128), tmp_path / "small.pt"
    state = start(settings, patches, CPU)
    for _ in range(3):
        train_step(settings, state, patches)
    save_checkpoint(state, settings, tmp_path / "last.pt")
    shrink_checkpoint(tmp_path / "last.pt", small)
    assert small.stat().st_size < (tmp_path / "last.pt").stat().st_size
    resumed = start(replace(settings, seed=9), patches, CPU)
    load_checkpoint(resumed, small, CPU)
    losses = [
        float(train_step(settings, one, patches)[0].total.detach())
        for one in (state, resumed)
    ]
    assert resumed.step == 4
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


@pytest.mark.filterwarnings("ignore:.*Function.* should not be instantiated")
def test_a_compiled_network_takes_the_same_steps(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The graph as it is traced, without the minute that a C++ compiler takes for it.
    compile = torch.nn.Module.compile
    monkeypatch.setattr(
        torch.nn.Module, "compile", lambda self: compile(self, backend="eager")
    )
    patches, losses = Patches(folder, 128), []
    for settings in (SETTINGS, replace(SETTINGS, compile=1)):
        state = start(settings, patches, CPU)
        steps = [train_step(settings, state, patches)[0].total for _ in range(3)]
        losses.append([float(total.detach()) for total in steps])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_compiling_without_a_compiler_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(ConfcodecError, match=r"install g\+\+"):
        start(replace(SETTINGS, compile=1), Patches(folder, 128), CPU)


def test_weights_go_on_with_another_optimizer(folder: Path, tmp_path: Path) -> None:
    patches = Patches(folder, 128)
    state = start(SETTINGS, patches, CPU)
    train_step(SETTINGS, state, patches)
    save_checkpoint(state, SETTINGS, tmp_path / "last.pt")
    settings = replace(SETTINGS, optimizer="soap", seed=9)
    resumed = start(settings, patches, CPU)
    load_checkpoint(resumed, tmp_path / "last.pt", CPU)
    assert not resumed.optimizer.state
    for one, other in zip(
        state.model.parameters(), resumed.model.parameters(), strict=True
    ):
        assert torch.equal(one, other)
    for _ in range(2):  # the first step with young moments only looks
        train_step(settings, resumed, patches)
    assert resumed.step == 3
    assert resumed.optimizer.state


def test_two_processes_learn_as_one_with_twice_the_batch(
    folder: Path, tmp_path: Path
) -> None:
    """gloo, as torchrun starts it; both must hold the same weights at the end."""
    program = (
        "import sys; from confcodec.lab.training import models; from tests.conftest import TINY;"
        "models.MODELS['rt'] = TINY; from confcodec.cli import main; sys.exit(main())"
    )
    script = tmp_path / "program.py"
    script.write_text(program)
    run = tmp_path / "run"
    arguments = f"{folder} --val {folder} --out {run} --steps 3 --batch 2 --patch 128"
    torchrun = f"torch.distributed.run --nproc-per-node 2 --master-port {_free_port()}"
    subprocess.run(
        [sys.executable, "-m", *torchrun.split(), script, "train", *arguments.split()],
        check=True,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "1"},
        timeout=100,
    )
    record = json.loads((tmp_path / "run" / "validation.jsonl").read_text())
    assert record["step"] == 3
    settings = replace(SETTINGS, lr=8e-4, warmup_steps=300)
    patches = Patches(folder, 128)
    alone = start(settings, patches, CPU)
    for _ in range(3):
        backward(settings, alone, patches, rank=0)
        first = [p.grad for p in alone.model.parameters()]
        backward(settings, alone, patches, rank=1)
        for grad, p in zip(first, alone.model.parameters(), strict=True):
            if grad is not None and p.grad is not None:
                p.grad.add_(grad).div_(2)
        update(settings, alone)
    bundle = torch.load(tmp_path / "run" / "last.pt", weights_only=True)
    assert bundle["processes"] == 2
    for name, value in alone.model.state_dict().items():
        torch.testing.assert_close(bundle["model"][name], value, rtol=1e-3, atol=1e-5)


def test_the_learning_rate_rises_stays_and_falls() -> None:
    settings = TrainSettings(steps=1000, decay_steps=200, warmup_steps=100, lr=1.0)
    rates = [learning_rate(settings, step) for step in (0, 99, 500, 800, 900, 999)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[1] == rates[2] == rates[3] == 1.0
    assert rates[4] == pytest.approx(0.515)
    assert rates[5] == pytest.approx(settings.lr_floor, abs=1e-3)


def test_lambda_is_log_spaced_over_quality() -> None:
    lmbda = lmbda_of(torch.tensor([0.0, 31.5, 63.0])).tolist()
    assert lmbda == pytest.approx(
        [LMBDA_LOW, (LMBDA_LOW * LMBDA_HIGH) ** 0.5, LMBDA_HIGH]
    )


def test_a_checkpoint_of_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    torch.save({"model": {}}, tmp_path / "last.pt")
    with pytest.raises(ConfcodecError, match="no checkpoint of a training run"):
        train(SETTINGS, folder, None, tmp_path, None)


def test_a_patch_no_band_fits_into_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfcodecError, match="multiple of 128"):
        train(replace(SETTINGS, patch=100), folder, None, tmp_path, None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_folder_without_usable_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfcodecError, match="no folder"):
        find_pictures(tmp_path / "missing")
    with pytest.raises(ConfcodecError, match="no picture"):
        find_pictures(tmp_path)
    Image.fromarray(picture(64, 64)).save(tmp_path / "small.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(ConfcodecError, match="128 pixels or more"):
        Patches(tmp_path, 128)
