"""Section 2.2.3: an SSGAN in TensorFlow, whose discriminator names classes from a few labels."""
