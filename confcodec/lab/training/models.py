"""The learned models as training sees them: one call for all, patches in, `RtOutput` out."""

from confcodec.codec.cae.networks import CaeConfig, CaeModel
from confcodec.codec.rt.networks import RtConfig, RtModel

Model = RtModel | CaeModel
Config = RtConfig | CaeConfig

MODELS: dict[str, Config] = {
    "rt": RtConfig(),
    # Half the work of a frame: for processors without bf16, and slow ones.
    "rt-s": RtConfig(
        "rt-s",
        width8=64,
        width16=128,
        latent=192,
        hyper=32,
        mean_width=48,
        features=64,
        context=96,
        scale_width=48,
    ),
    "cae": CaeConfig(),
    # The same parts, a quarter of the work: for training without a GPU.
    "cae-s": CaeConfig(width2=32, width4=96, blocks=1),
}


def build(config: Config) -> Model:
    """A model of these sizes with random weights."""
    return CaeModel(config) if isinstance(config, CaeConfig) else RtModel(config)


def coefficients_at(step: int, mask_steps: int, count: int) -> int:
    """How many of `count` coefficients are let in at a step: two at first, then evenly more."""
    if step >= mask_steps:
        return count
    return 2 + (count - 2) * step // mask_steps
