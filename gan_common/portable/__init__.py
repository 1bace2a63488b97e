"""A network for use without this project: of Keras's own layers, batch norm merged into convolutions."""

from gan_common.portable.layers import foreign_layers, portable
from gan_common.portable.merging import merged

__all__ = ["foreign_layers", "merged", "portable"]
