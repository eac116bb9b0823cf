"""The container's base has the CUDA of torch's wheels."""

from importlib.metadata import requires, version

import pytest
import torch

from tests.versions import image_cuda, pinned, torch_cuda

CUDA_OF_TORCH = {"2.13.0": "13.0"}
"""By the metadata of PyPI's wheels for Linux; `make image-test` reads them anew."""


def test_the_image_starts_from_the_cuda_of_the_pinned_torch() -> None:
    own = CUDA_OF_TORCH.get(str(pinned()["torch"]))
    assert own, "a new torch: add its CUDA (its wheel's metadata, cuda-toolkit==)"
    base = image_cuda()
    assert f"{base.major}.{base.minor}" == own


def test_the_installed_torch_has_the_cuda_of_the_table() -> None:
    if torch.version.cuda is None:
        pytest.skip("a CPU build of torch is installed: it says nothing of CUDA")
    own = version("torch").partition("+")[0]
    if own not in CUDA_OF_TORCH:
        pytest.skip(f"torch {own} is not the pinned one")
    assert torch.version.cuda == CUDA_OF_TORCH[own]
    assert torch_cuda(requires("torch") or ()) == CUDA_OF_TORCH[own]


def test_the_cuda_of_a_wheel_is_read_from_what_it_asks_for() -> None:
    line = 'cuda-toolkit[cublas,cudart]==13.0.3; platform_system == "Linux"'
    assert torch_cuda(["filelock", "nvidia-cudnn-cu13==9.24.0.43", line]) == "13.0"
    assert torch_cuda(["filelock", "jinja2"]) is None
