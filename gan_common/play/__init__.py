"""The game in two dimensions, in a browser: `python -m gan_common.play`, `make play`."""
