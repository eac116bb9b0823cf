"""Training: it learns, it resumes, and what it exports codes pictures."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from confcodec.codec.metrics import psnr
from confcodec.codec.rt_codec import load_rt
from confcodec.errors import ConfcodecError
from confcodec.lab import trainer
from confcodec.lab.checkpoint import (
    load_checkpoint,
    save_checkpoint,
    shrink_checkpoint,
)
from confcodec.lab.data import Patches, find_pictures
from confcodec.lab.freeze import freeze
from confcodec.lab.loss import LMBDA_HIGH, LMBDA_LOW, lmbda_of
from confcodec.lab.train import TrainSettings
from confcodec.lab.trainer import learning_rate, start, train, train_step
from tests.conftest import TINY, picture

SETTINGS = TrainSettings(
    batch=2, patch=128, warmup_steps=5, lr=2e-3, validate_minutes=0.0
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(trainer.MODELS, "rt", TINY)


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
        float(train_step(SETTINGS, state, patches).total.detach()) for _ in range(120)
    ]
    assert sum(losses[-20:]) < 0.6 * sum(losses[:20])


def test_resuming_equals_never_stopping(folder: Path, tmp_path: Path) -> None:
    patches = Patches(folder, 128)
    through = start(SETTINGS, patches, CPU)
    for _ in range(6):
        train_step(SETTINGS, through, patches)
    first = start(SETTINGS, patches, CPU)
    for _ in range(3):
        train_step(SETTINGS, first, patches)
    save_checkpoint(first, SETTINGS, tmp_path / "last.pt")
    resumed = start(replace(SETTINGS, seed=9), patches, CPU)
    load_checkpoint(resumed, tmp_path / "last.pt", CPU)
    for _ in range(3):
        train_step(SETTINGS, resumed, patches)
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


def test_a_run_goes_on_from_a_small_checkpoint(folder: Path, tmp_path: Path) -> None:
    patches, small = Patches(folder, 128), tmp_path / "small.pt"
    state = start(SETTINGS, patches, CPU)
    for _ in range(3):
        train_step(SETTINGS, state, patches)
    save_checkpoint(state, SETTINGS, tmp_path / "last.pt")
    shrink_checkpoint(tmp_path / "last.pt", small)
    assert small.stat().st_size < (tmp_path / "last.pt").stat().st_size
    resumed = start(replace(SETTINGS, seed=9), patches, CPU)
    load_checkpoint(resumed, small, CPU)
    losses = [
        float(train_step(SETTINGS, one, patches).total.detach())
        for one in (state, resumed)
    ]
    assert resumed.step == 4
    assert losses[1] == pytest.approx(losses[0], rel=0.02)


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


def test_a_folder_without_usable_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfcodecError, match="no folder"):
        find_pictures(tmp_path / "missing")
    with pytest.raises(ConfcodecError, match="no picture"):
        find_pictures(tmp_path)
    Image.fromarray(picture(64, 64)).save(tmp_path / "small.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    with pytest.raises(ConfcodecError, match="128 pixels or more"):
        Patches(tmp_path, 128)
