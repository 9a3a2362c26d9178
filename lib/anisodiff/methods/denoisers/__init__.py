"""What restores an image without being a diffusivity of the study's own scheme."""
