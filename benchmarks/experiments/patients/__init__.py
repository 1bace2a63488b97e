"""Each trick on the patient it was made for, and on a healthy one: `make ablation`."""
