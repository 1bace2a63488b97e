"""What the measured tables of results/ are made by."""
