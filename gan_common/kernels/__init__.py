"""The same numbers in less time: convolutions, batch norm, optimizers."""
