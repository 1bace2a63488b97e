"""What all packages share.

To read it in an hour or two: `tricks` (the chapter's list, from top to bottom), `losses`, then the train step
of `keras_dcgan.models`, which uses them.  Then, as the questions come:

===============================================  ====================
idea                                             room
===============================================  ====================
a layer or a function of section 2.4             `tricks`
tricks that came after the chapter               `modern`
each trick's section, flags, what excludes it    `catalogue`
what a step asks of tricks                       `terms`
the two players' losses                          `losses`
names → arrays, splits, streams                  `data`
images whose right answer is known               `shapes`
how good are generated images, are they copies   `metrics`
what both packages' pairs draw alike             `drawing`
what can be drawn from a trained generator       `sampling`
the latent of a given image                      `projection`
what a run leaves on the disk                    `runs`
why a training fails, and what is done           `doctor`
mode collapse in two dimensions                  `modes`
the same, live in a page                         `play`
figures, grids, GIFs                             `plotting`
flags, errors, exit status                       `cli`
the same numbers in less time                    `kernels`
a network without this project's layers          `portable`
a network as a page in the browser               `web`
what the notebooks need                          `lessons`
pages in a browser                               `pages`
files that are whole or not there                `files`
checks of what a function is given               `arguments`
what a person's own configuration breaks         `outside`
one replica of a distributed step                `replicas`
how far something is, in numbers                 `progress`
===============================================  ====================

Arrows go down only (tests/test_imports.py has the floors); errors, files and quiet are the ground.

Keras computes by TensorFlow here, whatever $KERAS_BACKEND and ~/.keras/keras.json say: importing this package
sees to it, if Keras was not imported before.
"""

import os
import sys

if sys.modules.get("keras") is None:
    os.environ["KERAS_BACKEND"] = "tensorflow"
elif (_backend := sys.modules["keras"].config.backend()) != "tensorflow":
    raise ImportError(
        f"Keras computes by {_backend} here, and this project is written for TensorFlow; import it before "
        "Keras, or set KERAS_BACKEND=tensorflow"
    )
