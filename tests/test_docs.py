"""README, CONTRIBUTING and docs/: what they name exists, and README stays short."""

import contextlib
import io
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from confcodec import Codec
from confcodec.cli import VERBS, main
from confcodec.codec.metrics import psnr
from tests.codec.test_plugin import path
from tests.conftest import picture
from tests.paths import ROOT

__all__ = ["path"]  # a fixture
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
IDS = [page.name for page in PAGES]
TREES = "confcodec|web|tests|docs|examples|weights|notebooks"
DOCKERS = {"--gpus", "--group-add", "--network"}
"""Options in the pages that are Docker's."""


def code_spans(text: str) -> list[str]:
    """What stands between single backticks, outside of code blocks, on one line."""
    prose = re.sub(
        r"^```.*?^```|^    [^\n]*$", "", text, flags=re.MULTILINE | re.DOTALL
    )
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def named_paths(text: str) -> set[str]:
    """Words of code spans that look like paths of this project; `NAME` in capitals is none."""
    words = " ".join(code_spans(text)).split()
    form = re.compile(rf"(?:{TREES})/[\w./-]*[\w/]")
    return {w for w in words if form.fullmatch(w) and not re.search("[A-Z]{4}", w)}


def commands(text: str) -> list[tuple[str, set[str]]]:
    """Each `confcodec VERB` with the options after it."""
    joined = text.replace("\\\n", " ")
    lines = [*code_spans(joined), *re.findall(r"^    (.*)$", joined, re.MULTILINE)]
    found = []
    for line in lines:
        for verb, rest in re.findall(r"confcodec ([a-z]+)\b([^#|&]*)", line):
            if verb in VERBS:
                found.append((verb, set(re.findall(r"(?<!\S)--[a-z][a-z-]*", rest))))
    return found


@cache
def options_of(verb: str) -> frozenset[str]:
    """The options that a verb's help tells."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit):
        main([verb, "--help"])
    return frozenset(re.findall(r"--[a-z][a-z-]*", out.getvalue()))


def test_the_readme_can_be_finished() -> None:
    lines = README.read_text().splitlines()
    assert len(lines) <= 120
    assert max(map(len, lines)) <= 120


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_path_that_a_page_names_exists(page: Path) -> None:
    paths = named_paths(page.read_text())
    assert not {p for p in paths if not (ROOT / p).exists()}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_link_and_picture_of_a_page_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)]+)\)", page.read_text())
    own = {link.partition("#")[0] for link in links if "://" not in link}
    assert not {link for link in own if not (page.parent / link).exists()}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_option_that_a_page_names_is_one_of_its_verb(page: Path) -> None:
    text = page.read_text()
    for verb, options in commands(text):
        assert options <= options_of(verb), f"confcodec {verb}"
    words = {span.split()[0] for span in code_spans(text)}
    alone = {word for word in words if re.fullmatch("--[a-z][a-z-]*", word)}
    assert alone <= frozenset().union(*map(options_of, VERBS)) | DOCKERS


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_every_module_and_target_that_a_page_runs_is_there(page: Path) -> None:
    text = page.read_text()
    modules = set(re.findall(rf"python -m ((?:{TREES})\.[\w.]*\w)", text))
    files = {ROOT / f"{name.replace('.', '/')}.py" for name in modules}
    assert not {str(file) for file in files if not file.exists()}
    targets = set(re.findall(r"(?:`|^    )make ([a-z-]+)", text, re.MULTILINE))
    made = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    )
    assert targets <= made


def test_the_architecture_names_every_folder() -> None:
    text = (ROOT / "docs/architecture.md").read_text()
    folders = {
        file.parent.relative_to(ROOT)
        for kind in ("confcodec/**/*.py", "web/**/*.js", "web/**/*.css")
        for file in ROOT.glob(kind)
    } - {Path("confcodec"), Path("web"), Path("web/vendor")}
    assert len(folders) > 20
    assert not {f"{f}/" for f in folders if f"`{f}/`" not in text}


def test_the_drawing_is_small_and_well_formed() -> None:
    drawing = ROOT / "docs/architecture.svg"
    assert drawing.stat().st_size < 20_000
    assert ElementTree.parse(drawing).getroot().tag.endswith("svg")


def test_the_readme_leads_to_every_page() -> None:
    links = set(re.findall(r"\]\(([^)]+)\)", README.read_text()))
    others = {str(page.relative_to(ROOT)) for page in PAGES if page != README}
    assert others <= links


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_no_page_names_a_place_of_one_machine(page: Path) -> None:
    assert not re.findall(r"(?<![\w.])/(?:home|tmp|root|work|Users)/", page.read_text())


def test_the_codec_of_the_readme_codes_a_picture(path: Path) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    (path / "own.py").write_text(code)
    Codec.add("own:Own")
    codec, pixels = Codec.load("own:Own"), picture(160, 120)
    coarse, fine = (codec.encode(pixels, quality) for quality in (0, 63))
    assert len(coarse) < len(fine)
    assert psnr(pixels, codec.decode(coarse)) < psnr(pixels, codec.decode(fine))
    assert codec.decode(fine).dtype == np.uint8


def test_these_tests_find_what_is_wrong() -> None:
    text = "Run `confcodec serve --colour` after\n\n    confcodec call URL --blue  # --red\n\nin `web/no/where.js`."
    assert commands(text) == [("serve", {"--colour"}), ("call", {"--blue"})]
    assert named_paths(text) == {"web/no/where.js"}
    assert "--colour" not in options_of("serve")
