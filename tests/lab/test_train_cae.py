"""Training `cae` with the shared trainer: incrementally, then its scales alone."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from confcodec.cli import main
from confcodec.codec.cae.codec import load_cae
from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.cae.spreads import CLASSES
from confcodec.codec.cae.weights import load_cae_weights
from confcodec.codec.metrics import psnr
from confcodec.lab.export.card import card_text
from confcodec.lab.export.freeze import freeze
from confcodec.lab.export.freeze_cae import fit_classes
from confcodec.lab.training import models
from confcodec.lab.training.data import Patches
from confcodec.lab.training.models import coefficients_at
from confcodec.lab.training.settings import TrainSettings
from confcodec.lab.training.trainer import start, train, train_step
from confcodec.lab.training.warm_start import components
from confcodec.lab.training.warm_start_cae import klt_warm_start_cae
from tests.conftest import picture

SETTINGS = TrainSettings(
    model="cae", batch=2, patch=128, warmup_steps=5, lr=2e-3, validate_minutes=0.0
)
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    small = CaeConfig(width2=8, width4=16, latent=12, blocks=1)
    monkeypatch.setitem(models.MODELS, "cae", small)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        Image.fromarray(picture(160, 200, seed)).save(path / f"{seed}.png")
    return path


def test_it_learns(folder: Path) -> None:
    patches = Patches(folder, 128)
    state = start(SETTINGS, patches, CPU)
    losses = [
        float(train_step(SETTINGS, state, patches)[0].total.detach()) for _ in range(40)
    ]
    assert sum(losses[-10:]) < 0.7 * sum(losses[:10])


def test_the_warm_start_is_the_best_linear_transform_of_blocks() -> None:
    wide = CaeConfig(width2=32, width4=96, latent=96, blocks=1)
    x = torch.from_numpy(picture(64, 96)).permute(2, 0, 1)[None].float() / 255
    model = CaeModel(wide)
    klt_warm_start_cae(model, x)
    blocks = (x - 0.5) / 0.25
    for _ in range(3):
        blocks = F.pixel_unshuffle(blocks, 2)
    basis = components(blocks, 96)
    y = torch.einsum("bchw,cm->bmhw", blocks, basis)
    with torch.no_grad():
        assert torch.allclose(model.analysis(x), y, atol=1e-4)
        x_hat = torch.einsum("bmhw,cm->bchw", y, basis)
        for _ in range(3):
            x_hat = F.pixel_shuffle(x_hat, 2)
        expected = x_hat * 0.25 + 0.5
        assert torch.allclose(model.synthesis(y), expected, atol=1e-4)


def test_a_net_too_narrow_for_the_warm_start_keeps_its_noise() -> None:
    model = CaeModel(CaeConfig(width2=8, width4=16, latent=12, blocks=1))
    before = [p.clone() for p in model.parameters()]
    klt_warm_start_cae(model, torch.rand(1, 3, 32, 32))
    assert all(map(torch.equal, before, model.parameters()))


def test_coefficients_are_let_in_two_at_first_and_all_at_last() -> None:
    counts = [coefficients_at(step, 100, 96) for step in range(120)]
    assert counts[0] == 2
    assert counts == sorted(counts)
    assert counts[99] < 96
    assert set(counts[100:]) == {96}
    assert coefficients_at(0, 0, 96) == 96


def test_training_masks_both_the_model_and_its_average(folder: Path) -> None:
    settings, patches = replace(SETTINGS, mask_steps=10), Patches(folder, 128)
    state = start(settings, patches, CPU)
    for expected in (2, 3, 4):
        train_step(settings, state, patches)
        for model in (state.model, state.average):
            assert isinstance(model, CaeModel)
            assert int(model.mask.sum()) == expected


def test_scales_train_while_the_networks_rest(folder: Path) -> None:
    settings, patches = replace(SETTINGS, scales_only=1), Patches(folder, 128)
    state = start(settings, patches, CPU)
    before = {name: p.clone() for name, p in state.model.named_parameters()}
    train_step(settings, state, patches)
    moved = {
        name.partition(".")[0]
        for name, p in state.model.named_parameters()
        if not torch.equal(p, before[name])
    }
    assert moved == {"scale", "mixture"}


def test_a_run_of_both_stages_leaves_weights_that_code_pictures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = replace(SETTINGS, steps=40, quality=40.0, mask_steps=20)
    train(first, folder, folder, tmp_path / "one", None)
    second = replace(SETTINGS, steps=50, scales_only=1)
    train(second, folder, None, tmp_path / "two", tmp_path / "one" / "last.pt")
    path = freeze(tmp_path / "two" / "last.pt", folder, tmp_path, 4, 128)
    assert path.name.startswith("cae-")
    assert path.stem in card_text(path, tmp_path / "two" / "last.pt", folder, None)
    codec, pixels = load_cae("cpu-fp32", weights=path), picture(160, 200, 0)
    coded = [codec.encode(pixels, quality) for quality in (0, 30, 63)]
    assert len(coded[0]) < len(coded[1]) < len(coded[2])
    assert psnr(pixels, codec.decode(coded[2])) > 10
    nets = [tmp_path / stage / "last.pt" for stage in ("one", "two")]
    words = ["export", str(nets[0]), str(folder), "--also", str(nets[1])]
    assert main([*words, "--out", str(tmp_path / "both"), "--batches", "2"]) == 0
    (both,) = (tmp_path / "both").glob("*.safetensors")
    assert len(load_cae_weights(both).models) == 2
    both.with_suffix(".md").write_text("of the user")
    monkeypatch.setattr(
        "confcodec.lab.export.freeze_cae.freeze_ensemble", lambda *_: both
    )
    again = [*words, "--out", str(tmp_path / "both"), "--batches", "2"]
    assert main(again) == 1
    assert both.with_suffix(".md").read_text() == "of the user"
    before = nets[0].read_bytes()
    assert main([*again, "--resume", str(nets[0]), "--force"]) == 1
    assert nets[0].read_bytes() == before


def test_a_run_leaves_the_checkpoints_of_another_alone(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "last.pt").write_bytes(b"of another run")
    mine = tmp_path / "one" / "last.pt"
    words = ["train", str(folder), "--out", str(tmp_path), "--resume", str(mine)]
    assert main(words) == 1
    (tmp_path / "last.pt").rename(tmp_path / "best.pt")
    assert main(words[:4]) == 1
    assert "of another run; name another --out" in capsys.readouterr().err
    assert (tmp_path / "best.pt").read_bytes() == b"of another run"


def test_tiles_are_sorted_by_how_far_their_symbols_spread() -> None:
    generator = torch.Generator().manual_seed(0)
    widths = torch.tensor([0.2, 4.0])[
        torch.randint(2, (1, 1, 8, 8), generator=generator)
    ]
    spread = widths.repeat_interleave(4, 2).repeat_interleave(4, 3)
    symbols = (torch.randn(20, 3, 32, 32, generator=generator) * spread).round()
    bits, rows = fit_classes(symbols, 4)
    assert rows.shape == (CLASSES, 3)
    assert rows[0].max() < rows[-1].min()
    mixed, _ = fit_classes(symbols[:, :, torch.randperm(32, generator=generator)], 4)
    assert bits < 0.8 * mixed
