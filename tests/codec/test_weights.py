"""Weights files: what is not whole or not ours is refused with a way out."""

import hashlib
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from confcodec.codec.rt import weights as weights_module
from confcodec.codec.rt.weights import find_weights, load_weights
from confcodec.errors import WeightsError
from tests.conftest import tiny_model


def test_the_model_comes_back_in_half_precision(tiny_weights: Path) -> None:
    loaded = load_weights(tiny_weights)
    original = tiny_model().state_dict()["analysis.embed.weight"]
    restored = loaded.model.state_dict()["analysis.embed.weight"]
    torch.testing.assert_close(restored, original.half().float())
    assert loaded.model_hash.hex() == tiny_weights.stem[-8:]


def test_a_truncated_file_is_refused(tiny_weights: Path, tmp_path: Path) -> None:
    cut = tmp_path / tiny_weights.name
    cut.write_bytes(tiny_weights.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged or renamed"):
        load_weights(cut)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="No such file"):
        load_weights(tmp_path / "rt-00000000.safetensors")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff" * 64, save({"a": torch.zeros(2)}), save({}, {"format": "other"})],
)
def test_a_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"rt-{hashlib.sha256(content).hexdigest()[:8]}.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="this release"):
        load_weights(path)


def test_missing_and_ambiguous_weights_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weights_module, "share_path", lambda name: tmp_path)
    with pytest.raises(WeightsError, match="no weights for rt"):
        find_weights("rt")
    for digits in ("00000000", "11111111"):
        (tmp_path / f"rt-{digits}.safetensors").touch()
    (tmp_path / "rt-s-22222222.safetensors").touch()
    with pytest.raises(WeightsError, match=re.escape("pass --weights or delete")):
        find_weights("rt")
    assert find_weights("rt-s").name == "rt-s-22222222.safetensors"
