import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.paths import ROOT

WEB = ROOT / "web"
SCRIPTS = sorted(p for p in WEB.rglob("*.js") if "vendor" not in p.parts)
STYLES = sorted((WEB / "styles").glob("*.css"))
MAX_WEIGHT = 300_000


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and any text inside script and style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()


@pytest.fixture(scope="module")
def html() -> Tags:
    return Tags((WEB / "index.html").read_text())


def test_the_modules_of_the_page_pass_their_own_tests() -> None:
    node = shutil.which("node")
    if node is None:
        if os.environ.get("CI"):
            pytest.fail("node is missing; install it: apt-get install nodejs")
        pytest.skip("node is not installed")
    # Named one by one: what `node --test FOLDER` means differs between versions.
    tests = sorted(map(str, (ROOT / "tests" / "web").glob("*.test.mjs")))
    assert tests
    run = subprocess.run(
        [node, "--test", *tests], capture_output=True, text=True, timeout=100
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_the_whole_page_weighs_less_than_300_kilobytes() -> None:
    assert (
        sum(file.stat().st_size for file in WEB.rglob("*") if file.is_file())
        < MAX_WEIGHT
    )


def test_the_page_has_no_inline_script_or_style(html: Tags) -> None:
    assert html.inline == ""
    for tag, attributes in html.tags:
        assert tag != "style"
        assert "style" not in attributes
        assert not any(name.startswith("on") for name in attributes)


def test_the_page_loads_nothing_from_elsewhere_and_nothing_that_is_missing(
    html: Tags,
) -> None:
    links = [
        value
        for _, attributes in html.tags
        for name, value in attributes.items()
        if name in ("src", "href") and value
    ]
    assert "main.js" in links
    assert links[0] == "./", "the base, before whatever it is the base of"
    for link in links[1:]:
        path, _, part = link.partition("#")
        assert not path.startswith("/"), "a proxy may put a path before the server's"
        assert (WEB / path).is_file(), link
        assert f'id="{part}"' in (WEB / path).read_text() or not part


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_imports_neighbours_only_and_writes_no_markup(script: Path) -> None:
    source = script.read_text()
    for name in re.findall(r'(?:from|import)\s*\(?\s*"([^"]+)"', source):
        assert name.startswith("."), name
        imported = (script.parent / name).resolve()
        assert imported.is_relative_to(WEB), name
        assert imported.is_file(), name
    assert not re.search(r"https?://(?!127\.0\.0\.1)", source)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", source
    )
    assert not re.search(r"\beval\(|new Function|setAttribute\(.style", source)
    assert len(source.splitlines()) < 300


@pytest.mark.parametrize("sheet", STYLES, ids=lambda path: path.name)
def test_a_style_sheet_loads_nothing_else(sheet: Path) -> None:
    assert not re.search(r"url\(|@import", sheet.read_text())


def test_every_element_the_scripts_look_up_is_in_the_page(html: Tags) -> None:
    ids = [attributes["id"] for _, attributes in html.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for script in SCRIPTS:
        wanted = re.findall(r'\$\("([^"]+)"\)', script.read_text())
        assert set(wanted) <= set(ids), script.name


def test_every_word_that_the_page_asks_for_is_there_and_no_other(html: Tags) -> None:
    asked = {
        value
        for _, attributes in html.tags
        for name, value in attributes.items()
        if name in ("data-words", "data-name", "data-hint")
    }
    words = re.findall(
        r"^  (\w+):", (WEB / "words" / "words.js").read_text(), re.MULTILINE
    )
    assert len(words) == len(set(words))
    assert asked == set(words)


def test_every_control_and_picture_has_a_name_for_a_screen_reader(html: Tags) -> None:
    labelled = {
        attributes.get("for") for tag, attributes in html.tags if tag == "label"
    }
    for tag, attributes in html.tags:
        if tag in ("input", "select"):
            assert attributes.get("data-name") or attributes.get("id") in labelled
        if tag == "canvas":
            assert attributes.get("role") == "img"
            assert attributes.get("data-name")
        if tag == "img":
            assert "alt" in attributes


def test_vendored_code_carries_its_licence() -> None:
    assert "MIT" in (WEB / "vendor" / "uPlot.LICENSE").read_text()
