"""How fast, beside other ways and the machine's peak."""
