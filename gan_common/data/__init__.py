"""Names → arrays, splits, streams.  Importing it imports neither TensorFlow nor Keras."""

from gan_common.data.datasets import Dataset, load
from gan_common.data.decode import FITS
from gan_common.data.pictures import Listing
from gan_common.data.splits import label_split, validation_split, without
from gan_common.data.streams import Rows, steps_per_epoch, stream

__all__ = [
    "FITS",
    "Dataset",
    "Listing",
    "Rows",
    "label_split",
    "load",
    "steps_per_epoch",
    "stream",
    "validation_split",
    "without",
]
