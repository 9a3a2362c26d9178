"""Diffusivities ``g``: one file an idea, each stating its formula, its range, its bound and its source."""
