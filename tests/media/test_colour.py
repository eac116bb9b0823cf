"""Colours of videos: by the matrix, range and transfer that their tags name."""

from pathlib import Path

import av
import numpy as np
import pytest

from confcodec.media.colour import to_srgb

BT601, BT709, BT2020 = (0.299, 0.114), (0.2126, 0.0722), (0.2627, 0.0593)
COLOUR = (200, 40, 90)
WHITE_TO_PQ, WHITE_TO_HLG = 0.5807, 0.75
"""The level of 203 cd/m2: ITU-R BT.2408, table 1."""


def levels(
    rgb: tuple[float, float, float],
    weights: tuple[float, float],
    *,
    full: bool = False,
    bits: int = 8,
) -> list[int]:
    """Y, Cb and Cr of R'G'B' in 0..1: ITU-R BT.601, BT.709 and BT.2020."""
    (red, green, blue), (kr, kb) = rgb, weights
    y = kr * red + (1 - kr - kb) * green + kb * blue
    cb, cr = (blue - y) / (2 - 2 * kb), (red - y) / (2 - 2 * kr)
    if full:
        return [round(255 * y), round(128 + 255 * cb), round(128 + 255 * cr)]
    unit = 1 << (bits - 8)
    return [
        round(unit * level) for level in (16 + 219 * y, 128 + 224 * cb, 128 + 224 * cr)
    ]


def shown(
    path: Path,
    planes: list[int],
    size: tuple[int, int] = (64, 48),
    format: str = "yuv420p",
    tags: dict[str, int] | None = None,
) -> tuple[int, int, int]:
    """The colour that a video of one flat, tagged picture is read in."""
    kind = np.uint16 if "10" in format else np.uint8
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = format
        frame = av.VideoFrame(*size, format)
        for plane, level in zip(frame.planes, planes, strict=True):
            count = plane.buffer_size // np.dtype(kind).itemsize
            plane.update(np.full(count, level, kind).tobytes())
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
            setattr(frame, name, value)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        pixels = to_srgb(next(container.decode(video=0)))
    assert pixels.shape == (size[1], size[0], 3)
    assert (pixels == pixels[0, 0]).all()
    red, green, blue = pixels[0, 0].tolist()
    return red, green, blue


@pytest.mark.parametrize(
    ("weights", "full", "size", "tags"),
    [
        (BT601, False, (64, 48), {}),
        (BT601, False, (720, 576), {}),
        (BT709, False, (1280, 720), {}),
        (BT709, False, (720, 1280), {}),
        (BT709, False, (64, 48), {"colorspace": 1, "color_range": 1}),
        (BT601, False, (1280, 720), {"colorspace": 6, "color_range": 1}),
        (BT601, True, (64, 48), {"colorspace": 5, "color_range": 2}),
        (BT709, True, (64, 48), {"colorspace": 1, "color_range": 2}),
        (BT2020, False, (64, 48), {"colorspace": 9, "color_range": 1}),
    ],
)
def test_matrix_and_range_are_those_of_the_tags_or_of_the_size(
    weights: tuple[float, float],
    full: bool,
    size: tuple[int, int],
    tags: dict[str, int],
    tmp_path: Path,
) -> None:
    red, green, blue = (level / 255 for level in COLOUR)
    planes = levels((red, green, blue), weights, full=full)
    found = shown(tmp_path / "a.mkv", planes, size, tags=tags)
    assert np.abs(np.subtract(found, COLOUR)).max() <= 3


HDR = {"colorspace": 9, "color_range": 1, "color_primaries": 9}


@pytest.mark.parametrize(("transfer", "white"), [(16, WHITE_TO_PQ), (18, WHITE_TO_HLG)])
def test_white_of_hdr_is_nearly_white_and_grey_is_grey(
    transfer: int, white: float, tmp_path: Path
) -> None:
    def grey(level: float) -> tuple[int, int, int]:
        planes = levels((level, level, level), BT2020, bits=10)
        path = tmp_path / f"{level}.mkv"
        return shown(
            path, planes, format="yuv420p10le", tags=HDR | {"color_trc": transfer}
        )

    assert 225 < min(grey(white)) <= max(grey(white)) < 245
    assert max(grey(0.0)) <= 1
    assert min(grey(1.0)) == 255
    rising = [grey(level / 10)[1] for level in range(11)]
    assert rising == sorted(rising)
    assert max(np.ptp(grey(level / 10)) for level in range(11)) <= 2


def test_a_colour_that_both_have_comes_through_hdr_as_it_was(tmp_path: Path) -> None:
    srgb = np.array([150, 40, 60]) / 255
    linear = ((srgb + 0.055) / 1.055) ** 2.4
    # ITU-R BT.2087, then SMPTE ST 2084 with white at 203 cd/m2.
    to_bt2020 = np.array(
        [
            [0.6274, 0.3293, 0.0433],
            [0.0691, 0.9195, 0.0114],
            [0.0164, 0.0880, 0.8956],
        ]
    )
    power = (to_bt2020 @ linear * 203 / 10_000) ** (2610 / 16384)
    pq = ((3424 / 4096 + 18.8516 * power) / (1 + 18.6875 * power)) ** 78.84375
    planes = levels((pq[0], pq[1], pq[2]), BT2020, bits=10)
    found = shown(
        tmp_path / "a.mkv", planes, format="yuv420p10le", tags=HDR | {"color_trc": 16}
    )
    assert np.abs(np.subtract(found, (150, 40, 60))).max() <= 3


def test_wide_colours_without_hdr_are_converted(tmp_path: Path) -> None:
    planes = levels((0.5, 0.5, 0.5), BT2020, bits=10)
    tags = HDR | {"color_trc": 14}
    grey = shown(tmp_path / "a.mkv", planes, format="yuv420p10le", tags=tags)
    assert np.abs(np.subtract(grey, 128)).max() <= 2
    planes = levels((0.7, 0.2, 0.2), BT2020, bits=10)
    red, green, blue = shown(
        tmp_path / "b.mkv", planes, format="yuv420p10le", tags=tags
    )
    assert red > 185
    assert max(green, blue) < 45


def test_hdr_is_no_larger_than_it_must_be() -> None:
    frame = av.VideoFrame(1920, 1080, "yuv420p10le")
    for plane in frame.planes:
        plane.update(np.full(plane.buffer_size // 2, 512, np.uint16).tobytes())
    frame.colorspace, frame.color_range, frame.color_primaries = 9, 1, 9
    frame.color_trc = 16
    assert to_srgb(frame, (640, 480)).shape == (480, 853, 3)
    assert to_srgb(frame, (2000, 2000)).shape == (1080, 1920, 3)
    assert np.array_equal(to_srgb(frame)[:480, :853], to_srgb(frame, (640, 480)))


def test_grey_videos_keep_their_levels(tmp_path: Path) -> None:
    assert shown(tmp_path / "a.mkv", [100], format="gray") == (100, 100, 100)
