"""The model card beside a weights file: data, training, figures, limits."""

from dataclasses import asdict
from pathlib import Path

import torch

from confcodec.codec.interface import Codec
from confcodec.lab.evaluation.rows import measure
from confcodec.lab.pictures import readable
from confcodec.lab.training.checkpoint import read_checkpoint
from confcodec.lab.training.loss import LMBDA_HIGH, LMBDA_LOW
from confcodec.lab.training.models import MODELS

_QUALITIES = (0, 7, 14, 21, 28, 35, 42, 49, 56, 63)

_CARD = """# {name}

Weights of confcodec's `{model}` codec: an image codec for faces before a mostly static background.

| | |
|---|---|
| training pictures | {pictures} files of `{data}` with {patch} pixels or more on both sides: stills and video frames of people, some natural images |
| training | {steps} steps of {batch} patches of {patch}x{patch}, {hours:.2f} hours |
| loss | R + lambda x MSE, lambda {low} to {high} over quality 0 to 63, {optimizer}, averaged weights |
| sizes | {sizes} |

## Figures

{figures}

## Limits

Trained for research, on pictures whose rights are not all known: faces from research sets with terms of
their own (CelebA-HQ, FFHQ, FaceForensics++, DFDC, MEAD, GRID) and public repositories. The weights
are for research use; the pictures are not part of this repository. Public figures and stock-photo models
are over-represented, webcam noise in low light under-represented. Text and line drawings cost
more bits than a codec made for them would need.
"""


def card_text(weights: Path, checkpoint: Path, data: Path, val: Path | None) -> str:
    """The card of a weights file, Markdown, its figures measured now over `val`."""
    bundle = read_checkpoint(checkpoint, torch.device("cpu"))
    settings = bundle["settings"]
    config = asdict(MODELS[settings["model"]])
    facts = {
        "name": weights.stem,
        "model": config.pop("name"),
        "pictures": _usable(data, settings["patch"]),
        "data": data.name,
        "steps": bundle["step"],
        "batch": settings["batch"] * bundle.get("processes", 1),
        "patch": settings["patch"],
        "hours": bundle["seconds"] / 3600,
        "optimizer": {"adam": "AdamW", "soap": "SOAP"}[
            settings.get("optimizer", "adam")
        ],
        "low": LMBDA_LOW,
        "high": LMBDA_HIGH,
        "sizes": ", ".join(f"{key} {value}" for key, value in config.items()),
        "figures": _figures(weights, val) if val else "Not measured.",
    }
    return _CARD.format(**facts)


def _usable(data: Path, patch: int) -> int:
    """How many pictures of a folder are large enough to train on."""
    return sum(min(pixels.shape[:2]) >= patch for _, pixels in readable(data))


def _figures(weights: Path, val: Path) -> str:
    codec = Codec.load(weights.stem.rpartition("-")[0], weights=weights)
    pictures = [pixels for _, pixels in readable(val)]
    lines = [
        f"Means over {len(pictures)} validation pictures, whole bytes, RGB PSNR, "
        f"transforms in {codec.info.dtype} on {codec.info.device}.",
        "",
        "| quality | bpp | PSNR dB |",
        "|---|---|---|",
    ]
    for quality in _QUALITIES:
        point = measure(codec, pictures, quality)
        lines.append(f"| {quality} | {point.bpp:.4f} | {point.psnr_db:.2f} |")
    return "\n".join(lines)
