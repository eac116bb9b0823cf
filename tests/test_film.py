import io
from itertools import cycle
from pathlib import Path

from PIL import Image

from tests.film import INTERVAL, TOLERANCE, Film


def shot(level: int) -> bytes:
    """A grey picture with a square of another grey."""
    image = Image.new("RGB", (64, 48), (90, 90, 90))
    image.paste((level, level, level), (10, 10, 30, 30))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def levels(path: Path) -> list[int]:
    """Of the square, in each frame of a film."""
    seen = []
    with Image.open(path) as film:
        for number in range(getattr(film, "n_frames", 1)):
            film.seek(number)
            pixel = film.convert("RGB").getpixel((10, 10))
            assert isinstance(pixel, tuple)
            seen.append(int(pixel[0]))
    return seen


def test_a_film_shows_each_change_for_its_time_and_goes_round(tmp_path: Path) -> None:
    shots = cycle([shot(20), shot(120), shot(220)])
    film = Film(lambda: next(shots), width=32)
    film.take(3)
    film.save(tmp_path / "film.gif")
    assert levels(tmp_path / "film.gif") == [20, 120, 220]
    with Image.open(tmp_path / "film.gif") as written:
        assert written.size == (32, 24)
        assert written.info["duration"] == INTERVAL // 10 * 10  # GIF counts hundredths
        assert written.info["loop"] == 0


def test_what_hardly_changes_is_not_written_again(tmp_path: Path) -> None:
    shots = cycle([shot(100), shot(100 + TOLERANCE), shot(101 + TOLERANCE)])
    film = Film(lambda: next(shots), width=64)
    film.take(3)
    film.save(tmp_path / "film.gif")
    assert len(levels(tmp_path / "film.gif")) == 2
