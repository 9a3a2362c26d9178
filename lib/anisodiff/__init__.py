"""Learned diffusion for image restoration: the library behind the executable study."""

from importlib.metadata import version

__version__ = version("anisodiff")


def load(name, degradation="gaussian", level=25, **options):
    """A trained model by name, ready to restore; see :func:`anisodiff.study.restorers.load`."""
    from .study import restorers  # late: `import anisodiff` alone costs no second of torch

    return restorers.load(name, degradation, level, **options)
