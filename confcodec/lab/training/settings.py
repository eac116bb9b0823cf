"""What a training run depends on besides its pictures, each value explained."""

from dataclasses import dataclass, field
from typing import Any


def _setting(default: Any, help: str) -> Any:
    """A field whose explanation is the help text of its option, too."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """Everything a training run depends on besides its pictures."""

    model: str = _setting("rt", "rt, or rt-s, its small sibling; cae or cae-s")
    steps: int = _setting(
        1_000_000, "the step the run ends at, counted over all resumed parts"
    )
    decay_steps: int = _setting(
        0, "the last so many steps lower the learning rate to its floor, by a cosine"
    )
    batch: int = _setting(8, "patches a step")
    patch: int = _setting(256, "side of a patch, in pixels; a multiple of 128")
    optimizer: str = _setting("adam", "adam, or soap: Adam in a basis that fits better")
    lr: float = _setting(8e-4, "learning rate once warmed up")
    lr_floor: float = _setting(0.03, "what is left of it at the end of the decay")
    warmup_steps: int = _setting(
        300, "steps over which the learning rate rises from zero"
    )
    clip: float = _setting(1.0, "largest norm of the gradient")
    ema: float = _setting(
        0.999, "decay of the averaged weights, the ones validated and exported"
    )
    seed: int = _setting(
        0, "of the first weights, the patches, the qualities and the noise"
    )
    threads: int = _setting(
        0, "CPU threads; 0 takes torch's default, at most what may be used"
    )
    minutes: float = _setting(
        0.0, "stop after so long, wherever the steps are; 0 means no limit"
    )
    checkpoint_minutes: float = _setting(5.0, "time between checkpoints")
    validate_minutes: float = _setting(15.0, "time between validations")
    quality: float = _setting(
        -1.0, "train at this quality alone, 0..63; -1 draws one for each patch"
    )
    mask_steps: int = _setting(
        0, "cae: steps over which its coefficients are let in, one after the other"
    )
    scales_only: int = _setting(
        0, "cae: 1 trains the scales of the rates alone, its networks rest"
    )
    compile: int = _setting(
        0, "1 compiles the network by torch.compile, which takes a minute first"
    )
    device: str = _setting("auto", "auto, cpu or cuda")


CHOICES = {
    "model": ("rt", "rt-s", "cae", "cae-s"),
    "optimizer": ("adam", "soap"),
    "device": ("auto", "cpu", "cuda"),
}
"""What those settings can be that are names."""
