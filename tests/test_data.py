"""Collections of clean images: where they are, what they hold, and that none that is scored was trained on."""

import numpy as np
import PIL.Image
import pooch
import pytest
from skimage.feature import match_template

from anisodiff.data import collections, provenance, registry
from anisodiff.study import catalogue


def test_shipped_images_are_gray_on_0_255_and_read_only():
    for split in collections.SHIPPED:
        for image in collections.load(f"shipped/{split}"):
            assert image.pixels.dtype == np.float32 and image.pixels.ndim == 2
            assert 100 < image.pixels.max() <= 255 and image.pixels.min() >= 0
            with pytest.raises(ValueError, match="read-only"):
                image.pixels[0, 0] = 1


def test_gray_is_that_of_pillow_to_the_last_bit():
    colour = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    pillow = np.asarray(PIL.Image.fromarray(colour).convert("L"))
    assert np.array_equal(collections.to_gray(colour), pillow)
    assert np.array_equal(collections.to_gray(np.dstack([colour, colour[..., 0]])), pillow), (
        "transparency must not count"
    )
    assert np.array_equal(collections.to_gray(colour[..., 0]), colour[..., 0])


def test_crops_are_centred_and_no_larger_than_the_image():
    pixels = np.arange(5 * 8).reshape(5, 8)
    assert np.array_equal(collections.centre_crop(pixels, 4), pixels[0:4, 2:6])
    assert np.array_equal(collections.centre_crop(pixels, 6), pixels[:, 1:7])
    assert np.array_equal(collections.centre_crop(pixels, 99), pixels)


def test_random_crops_are_squares_of_the_image_in_all_eight_poses():
    pixels = np.arange(9 * 7, dtype=np.float32).reshape(9, 7)
    crops = collections.random_crops(
        [collections.Image("a", pixels)], 7, 300, np.random.default_rng(0)
    )
    squares = [pixels[top : top + 7] for top in range(3)]
    poses = {
        np.rot90(s, k)[:, ::way].tobytes() for s in squares for k in range(4) for way in (1, -1)
    }
    assert {crop.tobytes() for crop in crops} == poses
    assert np.array_equal(
        crops,
        collections.random_crops(
            [collections.Image("a", pixels)], 7, 300, np.random.default_rng(0)
        ),
    )


def test_collections_join_and_unknown_ones_are_named():
    joined = collections.load("shipped/val+test")
    assert [image.name for image in joined] == [
        i.name for s in ("val", "test") for i in collections.load(f"shipped/{s}")
    ]
    assert collections.expand("bsds500/train+test") == ["bsds500/train", "bsds500/test"]
    assert collections.expand("set12+bsd68") == ["set12", "bsd68"]
    for name in ("kodak", "shipped", "bsds500/train+kodak", ""):
        with pytest.raises(
            ValueError, match=r"unknown collection '.*'; there are: shipped/train, .*bsd68"
        ):
            collections.load(name)


FINGERPRINTS = {  # the collections that recorded weights and scores were made on
    "bsds500/train+test": "52e56e645027",
    "bsds500/val": "6123db06cb61",
    "bsds500/val-500": "e96cf6a2f6b4",
    "bsds500/test-200": "88ebe70a3a8c",
    "bsd68": "6de7e47767b5",
    "set12": "144386504027",
    "ct": "1eb811a348a5",
    "mri": "555e11b9f708",
    "cryoem": "ccbf7d7e4858",
}


def test_the_collections_of_recorded_scores_are_what_they_were():
    assert {name: collections.fingerprint(name) for name in FINGERPRINTS} == FINGERPRINTS


def test_slices_have_a_subject_and_the_noisy_ones_are_left_out():
    counts = {}
    for name in ("ct", "mri", "ct-subjects", "mri-subjects"):
        subjects = [line["subject"] for line in collections._lines(name)]
        assert all(subjects), name
        counts[name] = len(subjects), len(set(subjects))
    assert counts == {
        "ct": (22, 3),
        "mri": (22, 3),
        "ct-subjects": (66, 9),
        "mri-subjects": (33, 4),
    }
    with_subject = {line["path"] for line in registry.lines() if line["subject"]}
    assert {path.split("/")[0] for path in with_subject} == set(counts)


CLUSTERS = {  # and how many images each collection has
    "shipped/test": (5, 5),
    "bsds500/val": (100, 100),
    "bsd68": (68, 68),
    "set12": (12, 12),
    "bsd68+set12": (80, 80),
    "set5": (4, 4),
    "set14": (14, 14),
    "ct": (3, 22),
    "mri": (3, 22),
    "ct+mri": (6, 44),
    "cryoem": (10, 20),
    "ct-subjects": (9, 66),
    "mri-subjects": (4, 33),
    "mcm18": (18, 18),
}


def test_images_of_one_subject_or_micrograph_are_one_cluster():
    found = {}
    for name in CLUSTERS:
        # by the registry: what a collection holds needs not be at hand
        images = [
            image for part in collections.expand(name) for image in collections._samples(part)
        ]
        found[name] = len({collections.cluster(name, image) for image in images}), len(images)
    assert found == CLUSTERS
    assert collections.cluster("ct", "invesalius_cranium_z022") == "invesalius_cranium"
    assert collections.cluster("cryoem", "May08_03-05-02_b") == "May08_03-05-02"
    for collection, image in (
        ("bsd68", "101085"),
        ("mri-subjects", "ucsfbr06_t1_z029"),
        ("bsds500/val-500", "101085"),
        ("bsds500/val-500", "500-101085"),
        ("bsds500/val-500", "017-12003"),
        ("mcm18", ""),
    ):
        with pytest.raises(ValueError, match=f"^there is no image '{image}' in {collection}$"):
            collections.cluster(collection, image)
    with pytest.raises(ValueError, match=r"^unknown collection 'kodak'; there are: .*$"):
        collections.cluster("kodak", "1")


def test_what_is_sealed_opens_for_the_last_word_alone(toy_sealed):
    said = "mcm18 is sealed: `anisodiff last-word` opens it once a release"
    for refused in ("mcm18", "set12+mcm18", "mcm18+bsd68"):
        with pytest.raises(ValueError, match=said):
            collections.load(refused)
    with pytest.raises(ValueError, match=said):
        collections.file("mcm18/1.tif")
    assert "mcm18" not in collections.COLLECTIONS
    opened = {one.name: one.pixels for one in collections.load("mcm18", last_word=True)}
    assert list(opened) == ["1", "2"]
    for name, pixels in toy_sealed.items():
        assert np.array_equal(opened[name], PIL.Image.fromarray(pixels).convert("L"))


def test_the_sealed_files_are_eighteen_and_whole_without_a_look_at_them():
    files = collections._files("mcm18")
    assert len(files) == 18 and all(known["url"] for _, known in files)
    needs("mcm18")
    for path, known in files:
        assert provenance.sha256(path) == known["sha256"], path
        with PIL.Image.open(path) as header:  # which decodes no pixel
            assert (header.size, header.mode) == ((500, 500), "RGB"), path


def test_a_collection_missing_below_the_data_folder_says_both_ways(monkeypatch, tmp_path, fresh):
    monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    assert not collections.available("set12") and collections.available("shipped/val")
    with pytest.raises(
        registry.MissingCollection,
        match=f"set12/01.png is not below .*{tmp_path}.* or unset it to download",
    ):
        collections.load("set12")


def test_a_collection_that_cannot_be_downloaded_says_both_ways(monkeypatch, tmp_path, fresh):
    def offline(*_, **__):
        raise OSError("no route to host")

    monkeypatch.delenv("ANISODIFF_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    monkeypatch.setattr(pooch, "retrieve", offline)
    assert not collections.available("set12")
    with pytest.raises(
        registry.MissingCollection,
        match=r"set12/01.png .*downloaded from https://.*point ANISODIFF_DATA",
    ):
        collections.load("set12")
    with pytest.raises(
        registry.MissingCollection,
        match=r"cannot be downloaded: point ANISODIFF_DATA at .*comes from",
    ):
        collections.load("ct")


def test_a_damaged_image_is_named(monkeypatch, tmp_path, fresh):
    (tmp_path / "set12").mkdir()
    (tmp_path / "set12/01.png").write_bytes(b"not what it was")
    monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    with pytest.raises(
        OSError,
        match=r"set12/01.png is damaged: its SHA-256 is [0-9a-f]{12}\.\.\., not [0-9a-f]{12}",
    ):
        collections.load("set12")


def test_what_was_read_is_remembered_by_its_content(monkeypatch):
    monkeypatch.setattr(provenance, "used", {})
    loaded = collections.load("shipped/val")
    assert provenance.used == {"shipped/val": collections.fingerprint("shipped/val")}
    assert collections.digest(loaded) != collections.digest(loaded[::-1])

    lines = registry.lines()
    other = [line | {"sha256": "0" * 64} if "set12/01" in line["path"] else line for line in lines]
    print_of = collections.fingerprint.__wrapped__
    before = {name: print_of(name) for name in ("set12", "bsd68", "bsds500/val", "bsds500/val-500")}
    assert len(set(before.values())) == 4, "squares of images are not the images"
    monkeypatch.setattr(registry, "lines", lambda: other)
    assert [name for name, was in before.items() if print_of(name) != was] == ["set12"]


# No image that is scored was trained on, whatever it is called


def thumbnails(collection):
    """16 x 16 gray values an image: alike for one picture in whatever file, size or rounding."""
    small = [
        PIL.Image.fromarray(i.pixels).resize((16, 16), PIL.Image.Resampling.BOX)
        for i in collections.load(collection)
    ]
    return np.stack([np.asarray(thumbnail) for thumbnail in small])


def nearest(wanted, among):
    """For each thumbnail its distance to the nearest of the others in any of the eight poses, in gray levels."""
    poses = [np.rot90(wanted, k, (1, 2))[..., ::way] for k in range(4) for way in (1, -1)]
    return np.min(
        [np.abs(pose[:, None] - among[None]).mean((2, 3)).min(1) for pose in poses], axis=0
    )


def test_no_shipped_image_is_scored_and_trained_on():
    train, val, test = (thumbnails(f"shipped/{split}") for split in ("train", "val", "test"))
    assert nearest(np.concatenate([val, test]), train).min() > 4
    assert nearest(val, test).min() > 4
    disguised = np.clip(np.rot90(train[:1], 1, (1, 2)) + 1, 0, 255)
    assert nearest(disguised, train) < 1.1, "a turned and brightened copy is found"


TRAINED_ON = ("bsds500/train", "bsds500/test", "shipped/train")
SCORED = [
    name
    for name in collections.COLLECTIONS
    if name not in (*TRAINED_ON, *collections.CROPPED)
    and not collections.FOLDERS.get(name, "").endswith(collections.PACKED)
]
TRAIN = catalogue.profile("paper")["train"]


def needs(*names):
    missing = [name for name in names if not collections.available(name)]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")


def test_no_image_that_is_scored_is_in_the_training_set():
    needs(TRAIN, *SCORED)
    trained = np.concatenate([thumbnails(TRAIN), thumbnails("shipped/train")])
    for name in SCORED:
        assert nearest(thumbnails(name), trained).min() > 4, name
    assert nearest(thumbnails("bsd68"), thumbnails("bsds500/val")).max() < 1, (
        "BSD68 is found in the validation set"
    )


def test_the_random_squares_are_cut_from_the_validation_images():
    needs("bsds500/val")
    whole, squares = (
        {image.name: image.pixels for image in collections.load("bsds500/val")},
        collections.load("bsds500/val-500"),
    )
    assert len({square.name for square in squares}) == len(squares) == 500
    for square in squares[::25]:
        assert square.pixels.shape == (256, 256)
        assert match_template(whole[square.name[4:]], square.pixels[:64, :64]).max() > 0.999
    cut_from = {collections.cluster("bsds500/val-500", square.name) for square in squares}
    assert len(cut_from) == 99 and cut_from < whole.keys(), (
        "of one of the hundred there is no square"
    )
    assert collections.cluster("bsds500/val-500", squares[17].name) == squares[17].name[4:]


def test_the_starfish_alone_of_set12_is_cut_from_a_training_image():
    """The field's own leak, known and named: who reports Set12 with this training set must leave image 04 out."""
    needs(TRAIN, "set12")

    def small(pixels):
        image = PIL.Image.fromarray(pixels)
        size = image.width // 6, image.height // 6
        return np.asarray(image.resize(size, PIL.Image.Resampling.BOX))

    trained = [(image.name, small(image.pixels)) for image in collections.load(TRAIN)]
    cut = {  # the 512 x 512 images are larger than any that is trained on
        (image.name, name)
        for image in collections.load("set12")
        if image.pixels.shape == (256, 256)
        for name, pixels in trained
        if match_template(pixels, small(image.pixels)[3:-3, 3:-3]).max() > 0.9
    }
    assert cut == {("04", "12003")}


def test_images_of_one_file_are_read_in_their_order_with_their_labels():
    needs("mnist/test", "fashion-mnist/test")
    digits = collections.load("mnist/test")
    assert (len(digits), digits[3].name, digits[3].pixels.shape) == (10_000, "00003", (32, 32))
    assert digits[0].pixels.dtype == np.float32 and not digits[0].pixels[:2].any()
    assert list(collections.labels("mnist/test")[:5]) == [7, 2, 1, 0, 4]
    means = [one.pixels.mean() for one in collections.load("fashion-mnist/test")]
    kinds = collections.labels("fashion-mnist/test")
    by_kind = [np.mean([m for m, k in zip(means, kinds, strict=True) if k == of]) for of in (4, 5)]
    assert by_kind[0] > 2 * by_kind[1], "coats are larger than sandals"


def test_faces_stand_upright_and_no_person_is_in_both_parts():
    needs("olivetti/train", "olivetti/test")
    parts = [collections.load(f"olivetti/{split}") for split in ("train", "test")]
    assert [len(part) for part in parts] == [360, 40]
    faces = np.stack([one.pixels for part in parts for one in part])
    mirrored = np.abs(faces - faces[:, :, ::-1]).mean()
    assert mirrored < 0.7 * np.abs(faces - faces[:, ::-1]).mean(), "left and right are alike"
    own = [np.abs(faces[at] - faces[at + 1]).mean() for at in range(0, 400, 10)]
    others = [np.abs(faces[at] - faces[at - 1]).mean() for at in range(10, 400, 10)]
    assert np.mean(own) < 0.7 * np.mean(others), "ten of one person follow each other"


def test_upright_crops_are_as_they_are():
    pixels = np.arange(9 * 7, dtype=np.float32).reshape(9, 7)
    crops = collections.random_crops(
        [collections.Image("a", pixels)], 7, 50, np.random.default_rng(0), upright=True
    )
    assert {crop.tobytes() for crop in crops} == {
        pixels[top : top + 7].tobytes() for top in range(3)
    }
