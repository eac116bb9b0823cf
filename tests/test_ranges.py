"""pyproject.toml's ranges, the pins and what `make ranges-test` tries do not drift apart."""

import sys
from importlib.metadata import packages_distributions

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.paths import ROOT
from tests.ranges import EXTRAS, LOWEST, OLDEST_PYTHON, TESTS, path_of
from tests.test_layers import imports
from tests.versions import direct, lowest, pinned, project

ALL = ("audio", "lab", "redis", "test")


def test_the_pins_lie_within_the_ranges() -> None:
    pins = pinned()
    for requirement in direct(*ALL):
        pin = pins[canonicalize_name(requirement.name)]
        assert pin in requirement.specifier, f"{requirement} but {pin}"


def test_the_lower_ends_are_those_that_are_tried() -> None:
    named = {r.name: Version(lowest(r)) for r in direct(*EXTRAS)}
    assert named == {name: Version(version) for name, version in LOWEST.items()}
    assert project()["requires-python"] == f">={OLDEST_PYTHON}"


def test_every_range_has_a_lower_end() -> None:
    for requirement in direct(*ALL):
        assert lowest(requirement)


@pytest.mark.parametrize("name", TESTS)
def test_the_tests_that_are_run_at_both_ends_exist(name: str) -> None:
    assert path_of(name).exists()


def test_every_library_that_is_imported_is_asked_for_by_name() -> None:
    sources = (ROOT / "confcodec").rglob("*.py")
    names = {name.partition(".")[0] for path in sources for name in imports(path)}
    asked = {canonicalize_name(r.name) for r in direct("audio", "lab", "redis")}
    owners = packages_distributions()
    for name in names - sys.stdlib_module_names - {"confcodec", "_typeshed"}:
        assert asked & {canonicalize_name(owner) for owner in owners[name]}, name
