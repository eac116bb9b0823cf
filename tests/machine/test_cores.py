"""Threads are counted by what this process may use, not by what the machine has."""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from confcodec.call.options.call import CallOptions
from confcodec.codec.device import use_threads
from confcodec.machine.cores import usable_cores
from tests.paths import ROOT

SOURCES = ROOT / "confcodec"
FIRST = min(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0
"""A processor that the tests themselves may use."""


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scheduler allow eight processors of a hundred."""
    monkeypatch.setattr(os, "cpu_count", lambda: 100)
    monkeypatch.setattr(os, "process_cpu_count", lambda: 8, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def system(root: Path, membership: str, files: dict[str, str]) -> Path:
    """A root with `/proc/self/cgroup` and files below `/sys/fs/cgroup`."""
    below = {f"sys/fs/cgroup/{name}": text for name, text in files.items()}
    for name, text in ({"proc/self/cgroup": membership} | below).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def v1(name: str, quota: int, period: int = 100_000) -> dict[str, str]:
    return {
        f"{name}/cpu.cfs_quota_us": f"{quota}\n",
        f"{name}/cpu.cfs_period_us": f"{period}\n",
    }


@pytest.mark.parametrize(
    ("text", "cores"),
    [
        ("max 100000\n", 8),
        ("400000 100000\n", 4),
        ("150000 100000\n", 1),
        ("25000 50000\n", 1),
        ("9900000 100000\n", 8),
        ("200000\n", 8),
        ("many 0\n", 8),
        ("200000 0\n", 8),
        ("", 8),
    ],
)
def test_a_quota_of_version_2_limits(text: str, cores: int, tmp_path: Path) -> None:
    root = system(tmp_path, "0::/app.slice/call\n", {"app.slice/call/cpu.max": text})
    assert usable_cores(root) == cores


def test_the_least_along_the_path_counts(tmp_path: Path) -> None:
    files = {
        "cpu.max": "max 100000",
        "a/cpu.max": "300000 100000",
        "a/b/cpu.max": "600000 100000",
        "a/b/c/cpu.max": "max 100000",
        "a/other/cpu.max": "100000 100000",
    }
    assert usable_cores(system(tmp_path, "0::/a/b/c\n", files)) == 3


def test_in_a_container_the_root_has_the_quota(tmp_path: Path) -> None:
    files = {"cpu.max": "200000 100000"}
    assert usable_cores(system(tmp_path / "own", "0::/\n", files)) == 2
    hosts = "0::/system.slice/docker-1a2b.scope\n"
    assert usable_cores(system(tmp_path / "host", hosts, files)) == 2
    outside = "0::/../../sibling\n"
    assert usable_cores(system(tmp_path / "outside", outside, files)) == 2


@pytest.mark.parametrize("mount", ["cpu", "cpu,cpuacct"])
def test_a_quota_of_version_1_limits(mount: str, tmp_path: Path) -> None:
    membership = "12:pids:/docker/1a2b\n4:cpu,cpuacct:/docker/1a2b\n0::/\n"
    files = v1(f"{mount}/docker/1a2b", 250_000) | v1(mount, -1)
    assert usable_cores(system(tmp_path / "path", membership, files)) == 2
    # Docker shows a container its own cgroup as the root.
    assert usable_cores(system(tmp_path / "r", membership, v1(mount, 300_000))) == 3
    assert usable_cores(system(tmp_path / "none", membership, v1(mount, -1))) == 8


def test_other_controllers_are_not_asked(tmp_path: Path) -> None:
    membership = "3:cpuset:/x\n2:memory:/x\n1:name=systemd:/x\n"
    files = v1("cpuset/x", 100_000) | v1("memory/x", 100_000)
    assert usable_cores(system(tmp_path, membership, files)) == 8


def test_without_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path) == 8


def test_without_affinity_the_machine_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "process_cpu_count", lambda: 100, raising=False)
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert usable_cores(tmp_path) == 100


def test_encoder_and_decoder_share_what_may_be_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("confcodec.call.options.call.usable_cores", lambda: 6)
    assert CallOptions().codec_threads == 3
    assert CallOptions(threads=5).codec_threads == 5
    monkeypatch.setattr("confcodec.call.options.call.usable_cores", lambda: 1)
    assert CallOptions().codec_threads == 1


def test_torch_gets_no_more_threads_than_may_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(4)
        monkeypatch.setattr("confcodec.codec.device.usable_cores", lambda: 3)
        use_threads(None)
        assert torch.get_num_threads() == 3
        use_threads(5)  # asked for by hand
        assert torch.get_num_threads() == 5
        torch.set_num_threads(2)  # as OMP_NUM_THREADS=2 does
        use_threads(None)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not shutil.which("taskset"), reason="needs taskset (util-linux)")
@pytest.mark.timeout(60)
def test_a_process_bound_to_one_processor_uses_one() -> None:
    code = (
        "from confcodec.machine.cores import usable_cores as n;"
        "from confcodec.call.options.call import CallOptions as C;"
        "import sys; assert 'torch' not in sys.modules;"
        "print(n(), C().codec_threads)"
    )
    words = ["taskset", "-c", str(FIRST), sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, timeout=50)
    assert done.stdout.split() == ["1", "1"], done.stderr


def test_nothing_else_counts_processors() -> None:
    counting = {"cpu_count", "process_cpu_count", "sched_getaffinity"}
    for path in SOURCES.rglob("*.py"):
        used = {
            node.attr
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute)
        }
        # The page of results names the machine itself.
        allowed = counting if path.name == "cores.py" else set()
        allowed |= {"cpu_count"} if path.name == "page.py" else set()
        assert not used & counting - allowed, path
