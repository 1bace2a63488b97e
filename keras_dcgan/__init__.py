"""Section 2.2.2: a DCGAN in Keras, trained by `Model.fit` with a `train_step` of its own."""
