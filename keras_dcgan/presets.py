"""The presets of a DCGAN training: values that belong together, and what --break changes of them."""

from gan_common.cli.effects import Effect

# Where batch norm in D mixes the images, R1 and R2 have no place.
NO_SLOPES = {"gamma": 0.0, "gamma_steps": 0, "penalty_images": 1}
PRESETS: dict[str, dict] = {
    # Radford et al. 2015, section 4, with a learning rate for minutes instead of hours: ten times
    # theirs reached a lower FID in every comparison of two and a half minutes.
    "dcgan": {
        "batch_size": 64,
        "loss": "non_saturating",
        "latent_dim": 100,
        "latent": "normal",
        "optimizer": "adam",
        "generator_lr": 2e-3,
        "discriminator_lr": 2e-3,
        "beta_1": 0.5,
        "real_label": 1.0,
        "weight_average": 0.999,
        **NO_SLOPES,
    },
    # The nets, optimizer, latents and batch of jacobgil/keras-dcgan.
    "reference": {
        "batch_size": 128,
        "loss": "non_saturating",
        "latent_dim": 100,
        "latent": "uniform",
        "optimizer": "sgd",
        "generator_lr": 5e-4,
        "discriminator_lr": 5e-4,
        "beta_1": 0.9,
        "real_label": 1.0,
        "weight_average": 0.0,
        **NO_SLOPES,
    },
    # After the chapter, Huang et al. 2024: pairs, both penalties, no normalization.
    "modern": {
        "batch_size": 64,
        "loss": "relativistic",
        "gamma": 0.5,
        "gamma_steps": 4000,
        "penalty_images": 8,
        "latent_dim": 64,
        "latent": "normal",
        "optimizer": "adam",
        "generator_lr": 1e-3,
        "discriminator_lr": 1e-3,
        "beta_1": 0.0,
        "real_label": 1.0,
        "weight_average": 0.999,
    },
}
# Goodfellow et al. 2014: dense nets, with Adam for their momentum that takes far longer.
PRESETS["gan"] = {
    **PRESETS["dcgan"],
    "latent": "uniform",
    "generator_lr": 2e-4,
    "discriminator_lr": 2e-4,
}
# Mirza & Osindero 2014: both nets are given the class.
PRESETS["cgan"] = PRESETS["dcgan"]

# What --break changes of a preset's values; the networks do the rest.
BROKEN: dict[str, dict] = {
    # The start-up failures of 2.3.1 are those of the minimax loss: where D is sure, G has no gradient left.
    # With the non-saturating one G still learns from a D that is never wrong.
    "bad_init": {"loss": "minimax"},  # and first weights 25 times as large
    "no_bn": {},  # no normalization between the layers
    "strong_d": {"loss": "minimax", "generator_lr": 5e-5, "discriminator_lr": 2e-3},
    "high_lr": {"generator_lr": 0.1, "discriminator_lr": 0.1},
    # G hurries after a D that hardly moves; no batch norm keeps its images apart, or shows D that they are
    # alike.
    "collapse": {"generator_lr": 2e-3, "discriminator_lr": 1e-4},
}
BREAKABLE = ("dcgan", "cgan")
# They take the place of what a failure takes away.
MENDS = {
    "no_bn": ("virtual_batch_norm", "instance_norm", "weight_norm", "spectral_norm"),
    "collapse": ("virtual_batch_norm", "instance_norm"),
}

# When a flag has an effect, beside those of `gan_common.cli.effects.COMMON`.
EFFECTS = (
    Effect(
        ("width",),
        lambda config, typed: config.preset in ("dcgan", "cgan", "modern"),
        "with --preset reference and gan, whose networks are as published",
    ),
    Effect(
        ("discriminator_kernel",),
        lambda config, typed: config.preset in ("dcgan", "cgan"),
        "but with --preset dcgan and cgan",
    ),
    Effect(
        ("gamma_steps", "penalty_images"),
        lambda config, typed: config.gamma > 0,
        "with --gamma 0, which this preset has unless another is typed",
    ),
    Effect(("beta_2",), lambda config, typed: config.optimizer == "adam", "with --optimizer sgd"),
)
