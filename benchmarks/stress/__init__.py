"""Kills, damaged files, long runs: what has to survive does."""
