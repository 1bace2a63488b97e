"""What the notebooks need: the game on a line, comparisons, live figures."""
