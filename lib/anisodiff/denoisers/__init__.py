"""What restores without being a diffusion: the baselines of the comparison."""
