"""What the page on edginess proves, put to numbers: more under noise, less under blur, either under inpainting."""

import numpy as np
import pytest
import torch
from scipy import ndimage, special

from anisodiff.data import collections
from anisodiff.methods.diffusion.scheme import divergence, gradient
from anisodiff.metrics import structure
from anisodiff.problems import PROBLEMS, parse, problem

FLAT = np.full((160, 200), 90.0)
CHECKERBOARD = 255.0 * (np.indices((40, 50)).sum(0) % 2)
NOISES = (
    "gaussian,5",
    "gaussian,50",
    "poisson,0.5",
    "poisson,20",
    "salt-pepper,0.05",
    "salt-pepper,0.5",
)


def measured(text, image, seed=0):
    """The edginess of a measurement, drawn from a seed."""
    rng = np.random.default_rng(seed)
    return structure.edginess(parse(text).measure(image, rng).y.numpy())


@pytest.fixture(scope="module")
def photograph():
    return collections.centre_crop(collections.load("shipped/test")[2].pixels, 96).astype(
        np.float64
    )


def edges_of(image):
    """Number of pairs of neighbours."""
    return sum(d.numel() for d in gradient(torch.from_numpy(image)))


def random_images(count=30):
    """Smooth ones, rough ones, binary ones and single points, of all shapes down to one row."""
    generator = np.random.default_rng(0)
    for number in range(count):
        image = generator.uniform(0, 255, generator.integers(1, 24, 2))
        if number % 3 == 1:
            image = 255.0 * (image > generator.uniform(0, 255))
        elif number % 3 == 2:
            image = ndimage.uniform_filter(image, 5)
        yield image


# Definition


def test_edginess_is_a_maximum_over_fields_and_bounds_the_isotropic_variation(photograph):
    u = torch.from_numpy(photograph)
    d_x, d_y = gradient(u)
    reached = -(u * divergence(d_x.sign(), d_y.sign())).sum() / u.numel()
    assert float(reached) == pytest.approx(structure.edginess(photograph), rel=1e-12)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        field = [
            2 * torch.rand(d.shape, dtype=d.dtype, generator=generator) - 1 for d in (d_x, d_y)
        ]
        assert float(-(u * divergence(*field)).sum() / u.numel()) < structure.edginess(photograph)
    isotropic = torch.hypot(
        torch.nn.functional.pad(d_x, (0, 1)), torch.nn.functional.pad(d_y, (0, 0, 0, 1))
    ).mean()
    assert float(isotropic) <= structure.edginess(photograph) <= 2**0.5 * float(isotropic)


def test_edginess_of_a_shape_is_contrast_times_outline():
    shape = np.zeros((20, 30))
    shape[4:11, 5:17] = 100
    assert structure.edginess(shape) * shape.size == pytest.approx(100 * 2 * (7 + 12))


# Noise


@pytest.mark.parametrize("text", NOISES)
def test_expected_edginess_is_the_mean_over_the_noise(text, photograph):
    how = parse(text)
    drawn = [measured(text, photograph, seed) for seed in range(100)]
    expected = structure.expected_edginess(photograph, how.name, how.level)
    error = np.std(drawn, ddof=1) / 10
    assert np.mean(drawn) == pytest.approx(expected, abs=4 * error)
    assert error < 0.006 * expected, "too few draws to tell anything"


def test_expected_edginess_of_flat_images():
    for level in (0.5, 5.5, 20):
        edges, m = edges_of(FLAT) / FLAT.size, 90 / level
        known = {
            "gaussian": 2 * level / np.sqrt(np.pi),
            "poisson": level * 2 * m * (special.ive(0, 2 * m) + special.ive(1, 2 * m)),
        }
        for kind, value in known.items():
            found = structure.expected_edginess(FLAT, kind, level)
            assert found == pytest.approx(edges * value, rel=1e-9)


def test_expected_difference_of_poisson_counts_is_the_sum_over_their_probabilities():
    counts = np.arange(80)
    for k, m in [(0, 0), (0, 3), (0.2, 7), (4, 4), (12, 2.5)]:
        first, second = (
            np.exp(special.xlogy(counts, n) - n - special.gammaln(counts + 1)) for n in (k, m)
        )
        expected = (np.abs(counts[:, None] - counts) * np.outer(first, second)).sum()
        pair = np.array([[k, m]], float)
        assert 2 * structure.expected_edginess(pair, "poisson", 1) == pytest.approx(
            expected, abs=1e-9
        )


@pytest.mark.parametrize("name", ["gaussian", "poisson", "salt-pepper"])
def test_expected_edginess_grows_with_the_level(name, photograph):
    kind = PROBLEMS[name]
    levels = [kind.highest * 1e-6, *kind.levels, min(2 * kind.levels[-1], kind.highest)]
    expected = [structure.expected_edginess(photograph, kind.name, level) for level in levels]
    assert expected[0] == pytest.approx(structure.edginess(photograph), rel=0.01)
    assert (np.diff(expected) > 0).all()


def test_unbiased_noise_never_lowers_the_edginess_not_even_of_a_checkerboard():
    for image in [CHECKERBOARD, *random_images()]:
        least = structure.edginess(image) * (1 - 1e-12)
        for name in ("gaussian", "poisson"):
            for level in PROBLEMS[name].levels:
                assert structure.expected_edginess(image, name, level) >= least


def test_a_weaker_poisson_image_is_the_conditional_mean_of_a_stronger_one():
    """Counts of a small gain, each kept with the ratio of the gains, are counts of the large one."""
    generator, weak, strong = np.random.default_rng(0), 2.0, 5.0
    counts = generator.poisson(90 / weak, 200_000)
    kept = generator.binomial(counts, weak / strong)
    for drawn in (kept, generator.poisson(90 / strong, kept.size)):
        assert drawn.mean() == pytest.approx(90 / strong, abs=4 * np.sqrt(90 / strong / kept.size))
        assert drawn.var() == pytest.approx(90 / strong, rel=0.02)
    means = np.array([strong * kept[counts == count].mean() for count in range(40, 51)])
    np.testing.assert_allclose(means, weak * np.arange(40, 51), rtol=0.01)


def test_salt_and_pepper_raises_differences_below_half_the_range_only():
    for difference, sign in ((0, 1), (127, 1), (127.5, 0), (128, -1), (255, -1)):
        pair = np.array([[0.0, difference]])
        found = [structure.expected_edginess(pair, "salt-pepper", p) for p in (1e-9, 0.1, 0.5, 1)]
        steps = np.diff(found)
        assert (np.where(np.isclose(steps, 0), 0, np.sign(steps)) == sign).all(), difference


def test_salt_and_pepper_lowers_the_edginess_of_a_checkerboard():
    drawn = measured("salt-pepper,0.3", CHECKERBOARD)
    assert drawn < 0.85 * structure.edginess(CHECKERBOARD)


def test_salt_and_pepper_needs_the_clean_edginess_alone(photograph):
    kept, edges = 0.8**2, edges_of(photograph) / photograph.size
    expected = kept * structure.edginess(photograph) + (1 - kept) * edges * 255 / 2
    assert structure.expected_edginess(photograph, "salt-pepper", 0.2) == pytest.approx(
        expected, rel=1e-12
    )


def test_gaussian_noise_is_bracketed_by_the_clean_edginess(photograph):
    edges = edges_of(photograph) / photograph.size
    mean = structure.edginess(photograph) / edges
    constant = mean * np.add.outer(np.arange(9.0), np.arange(9.0))  # all differences alike
    for sigma in PROBLEMS["gaussian"].levels:
        exact = structure.expected_edginess(photograph, "gaussian", sigma) / edges
        lowest = structure.expected_edginess(constant, "gaussian", sigma) / (
            edges_of(constant) / constant.size
        )
        assert lowest < exact < mean + 2 * sigma / np.sqrt(np.pi)


def test_what_is_no_noise_has_no_expected_edginess():
    for kind in ("blur", "inpainting"):
        with pytest.raises(ValueError, match=f"not for '{kind}'"):
            structure.expected_edginess(FLAT, kind, 1)


# Blur


def symmetric_kernel(generator, most=6):
    half = generator.uniform(0, 1, generator.integers(1, most)) ** 4
    kernel = np.concatenate([half[:0:-1], half])
    return kernel / kernel.sum()


@pytest.mark.parametrize("mode", ["reflect", "mirror", "nearest"])
def test_a_symmetric_mean_never_raises_the_edginess(mode):
    """Also where the kernel is wider than the image."""
    generator = np.random.default_rng(1)
    for image in random_images(60):
        if mode == "mirror" and 1 in image.shape:
            continue  # a single pixel has no neighbour to continue by
        blurred = image
        for axis in (0, 1):
            blurred = ndimage.convolve1d(blurred, symmetric_kernel(generator), axis, mode=mode)
        assert structure.edginess(blurred) <= structure.edginess(image) * (1 + 1e-12)


def test_two_dimensional_symmetric_kernels_too():
    generator = np.random.default_rng(2)
    for image in random_images():
        quarter = generator.uniform(0, 1, (3, 3)) ** 4  # not a product of two kernels
        kernel = np.pad(quarter, ((2, 0), (2, 0)), mode="reflect")
        blurred = ndimage.convolve(image, kernel / kernel.sum(), mode="reflect")
        assert structure.edginess(blurred) <= structure.edginess(image) * (1 + 1e-12)


def test_the_blur_of_the_study_lowers_the_edginess_level_by_level(photograph):
    levels = PROBLEMS["blur"].levels
    blurred = [measured(f"blur,{level}", photograph) for level in levels]
    assert (np.diff([structure.edginess(photograph), *blurred]) < 0).all()
    for image in random_images():
        for level in levels:
            most = structure.edginess(image) * (1 + 1e-6) + 1e-4  # float32
            assert measured(f"blur,{level}", image) <= most


def test_a_lone_straight_edge_keeps_its_edginess():
    step = np.zeros((40, 200))
    step[:, 100:] = 200
    assert measured("blur,16", step) == pytest.approx(structure.edginess(step), rel=1e-5)


def test_neither_a_lopsided_kernel_nor_another_border_will_do():
    row = np.zeros((1, 12))
    row[0, 0] = 255
    shifted = ndimage.correlate1d(row, [1, 0, 0, 0, 0], 1, mode="reflect")
    assert structure.edginess(shifted) == pytest.approx(2 * structure.edginess(row)), (
        "the border shows the point twice"
    )
    third = np.full(3, 1 / 3)
    assert structure.edginess(
        ndimage.correlate1d(FLAT, third, 1, mode="constant")
    ) > structure.edginess(FLAT)
    step = 255.0 * (np.arange(12) > 5)[None]
    assert structure.edginess(
        ndimage.correlate1d(step, third, 1, mode="wrap")
    ) > 1.3 * structure.edginess(step)


# Inpainting


def ledger(image, erased):
    """Sums of the differences among erased pixels, of those across the outline, and of the kept pixels along it."""
    inside, across, kept = 0.0, 0.0, 0.0
    for axis in (0, 1):
        u, gone = np.moveaxis(image, axis, 0), np.moveaxis(erased, axis, 0)
        d, outline = np.abs(np.diff(u, axis=0)), gone[1:] ^ gone[:-1]
        inside += d[gone[1:] & gone[:-1]].sum()
        across += d[outline].sum()
        kept += np.where(gone[1:], u[:-1], u[1:])[outline].sum()
    return inside, across, kept


def test_inpainting_changes_the_edginess_within_its_bounds():
    rng = np.random.default_rng(3)
    camera = collections.load("shipped/test")[0].pixels[:100, :120].astype(np.float64)
    for image in [*random_images(), camera]:
        for level in PROBLEMS["inpainting"].levels:
            erased = ~problem("inpainting", level).draw_operator(image.shape, rng).mask.numpy()
            after = structure.edginess(np.where(erased, 0, image))
            change = (after - structure.edginess(image)) * image.size
            inside, across, kept = ledger(image, erased)
            assert change == pytest.approx(kept - across - inside, abs=1e-6)
            height, width = erased.any(1).sum(), erased.any(0).sum()
            assert -inside - across - 1e-6 <= change <= 255 * 2 * (height + width) - inside + 1e-6


def test_inpainting_may_raise_or_lower_the_edginess(photograph):
    for image, sign in ((FLAT + np.arange(200) / 50, 1), (CHECKERBOARD, -1), (photograph, -1)):
        drawn = [measured("inpainting,0.35", image, seed) for seed in range(20)]
        assert np.sign(np.mean(drawn) - structure.edginess(image)) == sign
