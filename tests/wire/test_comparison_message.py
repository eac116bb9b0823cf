"""The comparison message, as the page reads it too."""

import json

from confcodec.wire.comparison_message import Exhibit, pack_comparison
from tests.paths import ROOT

VECTOR = ROOT / "tests" / "vectors" / "comparison.json"
EXHIBITS = [
    Exhibit("original", "image/jpeg", b"one"),
    Exhibit("rt", "image/jpeg", b"two!", 11_020, 33.64159, True),
    Exhibit("webp", "image/webp", b"", 10_987, 32.5),
]


def test_the_bytes_are_those_that_the_page_is_tested_with() -> None:
    message = pack_comparison(1393, (640, 480), EXHIBITS)
    assert message.hex() == json.loads(VECTOR.read_text())["message"]
