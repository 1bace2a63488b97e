"""The presets of an SSGAN training: values that belong together, and what color images change of them."""

from gan_common.cli.effects import Effect

PRESETS: dict[str, dict] = {
    # This project's own: the lowest error that two CPU cores reach in half an hour.
    "fast": {
        "epochs": 40,
        "batch_size": 32,
        "labelled_batch": 16,
        "latent_dim": 64,
        "latent": "normal",
        "generator_loss": "feature_matching",
        "feature_norm": "l1",
        "unsupervised_weight": 1.0,
        "consistency_weight": 1.0,
        "consistency_target": "average",
        "game_batch": 16,
        "labels_first": 0.05,
        "entropy_weight": 0.0,
        "real_label": 1.0,
        "reconstruction_weight": 0.0,
        "generator_lr": 2e-3,
        "discriminator_lr": 2e-3,
        "beta_1": 0.5,
        "constant_share": 0.5,
        "clip_norm": 1.0,
        "update_ratio": 1,
        "weight_average": 0.998,
        "augment": ("shift", "affine"),
    },
    # Salimans et al. 2016, section 5.
    "improved": {
        "epochs": 100,
        "batch_size": 100,
        "labelled_batch": 100,
        "latent_dim": 100,
        "latent": "uniform",
        "generator_loss": "feature_matching",
        "feature_norm": "l2",
        "unsupervised_weight": 0.5,
        "consistency_weight": 0.0,
        "entropy_weight": 0.0,
        "real_label": 1.0,
        "reconstruction_weight": 0.0,
        "generator_lr": 3e-3,
        "discriminator_lr": 3e-3,
        "beta_1": 0.5,
        "constant_share": 1.0,
        "clip_norm": 0.0,
        "update_ratio": 1,
        "weight_average": 0.9999,
        "augment": (),
    },
    # gitlimlab/SSGAN-Tensorflow, doing what its README says: its update ratio and rates favor G.
    "reference": {
        "epochs": 100,
        "batch_size": 32,
        "labelled_batch": 32,
        "latent_dim": 100,
        "latent": "uniform",
        "generator_loss": "non_saturating",
        "feature_norm": "l2",
        "unsupervised_weight": 1.0,
        "consistency_weight": 0.0,
        "entropy_weight": 0.0,
        "real_label": 0.9,
        "reconstruction_weight": 0.0,
        "generator_lr": 2e-4,
        "discriminator_lr": 1e-4,
        "beta_1": 0.5,
        "constant_share": 1.0,
        "clip_norm": 0.0,
        "update_ratio": 2,
        "weight_average": 0.999,
        "augment": (),
    },
}
# What the nets for 32×32 color images have instead.
COLOR: dict[str, dict] = {
    "fast": {
        "batch_size": 64,
        "labelled_batch": 32,
        "augment": ("shift", "flip", "affine", "color", "cutout"),
        "labelled_augment": ("shift", "flip", "cutout"),
        "unsupervised_weight": 0.3,
    },
    "improved": {
        "feature_norm": "l1",
        "generator_lr": 3e-4,
        "discriminator_lr": 3e-4,
        "constant_share": 2 / 3,
        "epochs": 1200,
    },
    "reference": {},
}
# By these names the catalogue of tricks knows them, where they differ from those for gray ones.
COLOR_NETWORKS = {"fast": "fast color", "improved": "improved color"}


def effects(gray: bool) -> tuple[Effect, ...]:
    """When a flag has an effect, beside those of `gan_common.cli.effects.COMMON`.

    Args:
        gray: whether the images are.
    """
    return (
        Effect(
            ("noise",),
            lambda config, typed: config.preset == "improved" and gray,
            "but with --preset improved on gray images",
        ),
        Effect(
            ("label_shares",),
            lambda config, typed: config.labels != "all",
            "with --labels all, which leaves none out",
        ),
        Effect(
            ("consistency_threshold", "consistency_target"),
            lambda config, typed: config.consistency_weight > 0,
            "with --consistency_weight 0, which this preset has unless another is typed",
        ),
        Effect(
            ("real_label",),
            lambda config, typed: config.unsupervised_weight > 0,
            "with --unsupervised_weight 0",
        ),
        Effect(
            ("test_every",),
            lambda config, typed: config.validation_size != 0,
            "with --validation_size 0",
        ),
        Effect(
            ("latent_dim", "latent"),
            lambda config, typed: not config.baseline,
            "with --baseline, which has no generator",
        ),
    )
