"""Commands that measure speed and quality and write what they find under results/."""
