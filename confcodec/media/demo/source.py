"""The demo: a person in a call, for machines without a camera."""

from confcodec.codec.frame import Pixels
from confcodec.media.demo.pose import pose_at
from confcodec.media.demo.scene import Scene
from confcodec.media.pace import PacedSource, Timer


def open_demo(
    size: tuple[int, int], fps: float, timer: Timer | None = None
) -> PacedSource:
    """A source whose frame k depends on k, `size` and `fps` alone."""
    scene = Scene(size)

    def picture(number: int) -> Pixels:
        return scene.picture(pose_at(number / fps), number)

    return PacedSource("demo", fps, picture, timer)
