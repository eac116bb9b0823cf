"""What pyproject.toml, constraints.txt and the Dockerfile name, and what a package index says."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.paths import ROOT


def project() -> dict[str, Any]:
    """The table `project` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return dict(table["project"])


def direct(*extras: str) -> list[Requirement]:
    """What pyproject.toml asks for, without and with these extras."""
    lines = list(project()["dependencies"])
    for extra in extras:
        lines += project()["optional-dependencies"][extra]
    return [Requirement(line) for line in lines]


def pinned() -> dict[str, Version]:
    """The versions of constraints.txt, by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


def lowest(requirement: Requirement) -> str:
    """The lower end of a range."""
    (version,) = [s.version for s in requirement.specifier if s.operator == ">="]
    return version


def image_cuda() -> Version:
    """CUDA's version in the image that the Dockerfile starts from."""
    text = (ROOT / "Dockerfile").read_text()
    (version,) = re.findall(r"^ARG CUDA=(\S+)$", text, re.MULTILINE)
    assert "\nFROM nvidia/cuda:${CUDA}-base-" in text
    return Version(version)


def torch_cuda(requirements: Iterable[str]) -> str | None:
    """CUDA's version, as "13.0", of a wheel of torch that asks for these; None: a CPU build."""
    for line in requirements:
        found = re.match(r"cuda-toolkit\b.*==(\d+\.\d+)", line)
        if found:
            return found[1]
    return None


def registry_requirements(name: str) -> list[str]:
    """What the pinned version's wheel for Linux asks for, by its metadata: no wheel is fetched.

    Raises:
        OSError: the package index is not reached.
    """
    words = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet"]
    words += ["--report", "-", "--no-deps", "--ignore-installed", "--target", "."]
    # As the image takes it: its Python, and no build that only this host has.
    words += ["--python-version", "3.12", "--platform", "manylinux_2_28_x86_64"]
    words += ["--only-binary", ":all:", f"{name}=={pinned()[name]}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise OSError(done.stderr.strip().splitlines()[-1])
    report = json.loads(done.stdout)
    found: list[str] = report["install"][0]["metadata"]["requires_dist"]
    return found
