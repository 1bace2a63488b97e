"""Settings every test shares: TensorFlow without its start-up noise, and no network."""

import gan_common.quiet  # noqa: F401
