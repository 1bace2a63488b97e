"""What the two packages share: data, losses, tricks, runs, pictures and measurements."""
