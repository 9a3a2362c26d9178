"""The command line: files in and out with their range, folders, tables, and errors of one line."""

import json
import subprocess
import sys

import imagecodecs
import numpy as np
import pandas as pd
import PIL.Image
import pytest
import tifffile

import anisodiff
from anisodiff.cli import main
from anisodiff.data import files, provenance
from anisodiff.metrics import distortion, perceptual, structure
from anisodiff.study import catalogue
from anisodiff.training import loop

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(60, 190, (20, 31), dtype=np.uint8)
COLOUR = RANDOM.integers(60, 190, (20, 31, 3), dtype=np.uint8)


def run(*arguments):
    return main([str(argument) for argument in arguments])


def restored(pixels):
    return anisodiff.load("perona-malik").restore(pixels)


def told(capsys):
    """What was printed on stderr, without the progress bars."""
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("anisodiff: ")]


def save(path, pixels):
    if path.suffix == ".npy":
        np.save(path, pixels)
    elif path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb" if pixels.ndim == 3 else "minisblack")
    elif pixels.dtype == np.uint16:  # which Pillow has for gray alone
        path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    else:
        PIL.Image.fromarray(pixels).save(path)
    return path


def opened(path):
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix == ".tif":
        return tifffile.imread(path)
    if path.suffix == ".png":
        return imagecodecs.png_decode(path.read_bytes())
    with PIL.Image.open(path) as image:
        return np.asarray(image)


# Files


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("pixels", [GRAY, COLOUR], ids=["gray", "colour"])
def test_eight_bits_come_out_as_python_restores_them(tmp_path, suffix, pixels):
    assert run("restore", save(tmp_path / f"in{suffix}", pixels), tmp_path / f"out{suffix}") == 0
    out = opened(tmp_path / f"out{suffix}")
    assert out.dtype == np.uint8
    assert np.array_equal(out, np.clip(np.rint(restored(pixels)), 0, 255))
    assert not np.array_equal(out, pixels)


@pytest.mark.parametrize(
    ("suffix", "colours"), [(".tif", 1), (".tif", 3), (".png", 1), (".png", 3)]
)
def test_sixteen_bits_stay_sixteen_bits(tmp_path, suffix, colours):
    wide = RANDOM.integers(20000, 50000, (20, 31, 3), dtype=np.uint16)
    wide = wide[..., 0] if colours == 1 else wide
    assert run("restore", save(tmp_path / f"in{suffix}", wide), tmp_path / f"out{suffix}") == 0
    out = opened(tmp_path / f"out{suffix}")
    assert out.dtype == np.uint16
    np.testing.assert_allclose(out, restored(wide / np.float32(257)) * 257.0, atol=0.52)
    assert len(np.unique(out)) > 300, "finer than 8 bits"


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_value_of_the_range_survives(tmp_path, suffix, kind):
    every = np.arange(np.iinfo(kind).max + 1, dtype=kind).reshape(16, -1)
    picture = files.read(save(tmp_path / f"in{suffix}", every))
    assert picture.pixels.min() == 0 and picture.pixels.max() == 255
    files.write(tmp_path / f"out{suffix}", picture)
    assert np.array_equal(opened(tmp_path / f"out{suffix}"), every)
    files.write(tmp_path / f"far{suffix}", picture.with_pixels(picture.pixels * 3.0 - 255))
    full = np.iinfo(kind).max
    clipped = np.clip(every * 3.0 - full, 0, full)
    np.testing.assert_allclose(opened(tmp_path / f"far{suffix}"), clipped, atol=1)


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_floats_are_neither_clipped_nor_rounded(tmp_path, suffix):
    floats = RANDOM.normal(250, 60, (20, 31)).astype(np.float32)
    path = save(tmp_path / f"in{suffix}", floats)
    assert run("restore", path, tmp_path / f"out{suffix}", "--model", "input") == 0
    assert opened(tmp_path / f"out{suffix}").dtype == np.float32
    assert np.array_equal(opened(tmp_path / f"out{suffix}"), floats)
    assert run("restore", path, tmp_path / f"pm{suffix}") == 0
    assert np.array_equal(opened(tmp_path / f"pm{suffix}"), restored(floats))


def test_arrays_of_any_number_of_channels(tmp_path):
    path = save(tmp_path / "in.npy", RANDOM.uniform(0, 255, (9, 8, 5)))
    assert run("restore", path, tmp_path / "out.npy") == 0
    assert np.array_equal(np.load(tmp_path / "out.npy"), restored(np.load(path)))
    assert run("restore", path, tmp_path / "out.png") == 2
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("colours", [1, 3])
def test_transparency_is_kept(tmp_path, suffix, colours):
    alpha = RANDOM.integers(0, 256, GRAY.shape, dtype=np.uint8)
    colour = GRAY if colours == 1 else COLOUR
    pixels, path = np.dstack([colour, alpha]), tmp_path / f"in{suffix}"
    if suffix == ".tif":
        photometric = "rgb" if colours == 3 else "minisblack"
        tifffile.imwrite(
            path,
            pixels,
            photometric=photometric,
            planarconfig="contig",
            extrasamples=["unassalpha"],
        )
    else:
        save(path, pixels)
    assert run("restore", path, tmp_path / f"out{suffix}") == 0
    out = opened(tmp_path / f"out{suffix}")
    assert np.array_equal(out[..., -1], alpha)
    assert np.array_equal(np.squeeze(out[..., :-1]), np.clip(np.rint(restored(colour)), 0, 255))
    assert run("restore", path, tmp_path / "out.jpg") == 2


def test_wide_transparency_is_kept(tmp_path):
    pixels = RANDOM.integers(0, 65536, (12, 13, 4), dtype=np.uint16)
    tifffile.imwrite(
        tmp_path / "in.tif",
        pixels,
        photometric="rgb",
        extrasamples=["unassalpha"],
        planarconfig="contig",
    )
    for out in ("out.tif", "out.png"):
        files.write(tmp_path / out, files.read(tmp_path / "in.tif"))
        assert np.array_equal(opened(tmp_path / out), pixels)
    files.write(tmp_path / "again.png", files.read(tmp_path / "out.png"))
    assert np.array_equal(opened(tmp_path / "again.png"), pixels)


def test_jpeg_in_and_out(tmp_path):
    smooth = np.add.outer(np.arange(40), np.arange(60)).astype(np.uint8) + 60
    path = tmp_path / "in.jpg"
    image = PIL.Image.fromarray(np.dstack([smooth, smooth, 255 - smooth]))
    image.save(path, exif=turned(image), icc_profile=b"colours", quality=95)
    assert run("restore", path, tmp_path / "out.jpeg") == 0
    with PIL.Image.open(tmp_path / "out.jpeg") as out:
        assert out.size == (40, 60), "as its camera was held"
        assert out.info["icc_profile"] == b"colours"
        assert np.abs(np.asarray(out)[..., 0] - np.rot90(smooth, -1).astype(float)).mean() < 3


def turned(image):
    exif = image.getexif()
    exif[0x0112] = 6  # to be shown turned clockwise
    return exif


@pytest.mark.parametrize("mode", ["P", "1", "CMYK"])
def test_other_ways_to_store_a_picture(tmp_path, mode):
    image = PIL.Image.fromarray(COLOUR).convert(mode)
    path = tmp_path / ("in.tif" if mode == "CMYK" else "in.png")
    image.save(path)
    assert np.array_equal(
        files.read(path).pixels, np.asarray(image.convert("L" if mode == "1" else "RGB"))
    )


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(tmp_path, compression):
    for name, pixels in (("g", GRAY), ("c", COLOUR), ("w", GRAY.astype(np.uint16) * 250)):
        PIL.Image.fromarray(pixels).save(tmp_path / f"{name}.tif", compression=compression)
        files.write(tmp_path / "out.tif", files.read(tmp_path / f"{name}.tif"))
        assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), pixels)


def test_planes_of_a_tiff(tmp_path):
    tifffile.imwrite(
        tmp_path / "in.tif", np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate"
    )
    assert np.array_equal(files.read(tmp_path / "in.tif").pixels, COLOUR)


def test_a_wide_picture_as_jpeg_and_a_float_one_as_png(tmp_path):
    wide, floats = GRAY.astype(np.uint16) * 257, GRAY + np.float32(0.3)
    files.write(tmp_path / "out.png", files.read(save(tmp_path / "in.npy", floats)))
    assert np.array_equal(opened(tmp_path / "out.png"), GRAY)
    files.write(tmp_path / "out.jpg", files.read(save(tmp_path / "in.tif", wide)))
    assert opened(tmp_path / "out.jpg").dtype == np.uint8


BAD = {
    "empty.png": (lambda path: path.write_bytes(b""), "cannot be read"),
    "empty.tif": (lambda path: path.write_bytes(b""), "cannot be read"),
    "empty.npy": (lambda path: path.write_bytes(b""), "cannot be read"),
    "text.jpg": (lambda path: path.write_text("no picture"), "cannot be read"),
    "cut.png": (
        lambda path: path.write_bytes(save(path, COLOUR) and path.read_bytes()[:-500]),
        "cannot be read",
    ),
    "cut.tif": (
        lambda path: path.write_bytes(save(path, COLOUR) and path.read_bytes()[:-500]),
        "cannot be read",
    ),
    "pages.tif": (
        lambda path: tifffile.imwrite(
            path, np.zeros((3, 9, 9), np.uint8), photometric="minisblack"
        ),
        "it holds 3 images",
    ),
    "shape.npy": (lambda path: np.save(path, np.zeros(7)), r"got (7,)"),
    "objects.npy": (lambda path: np.save(path, np.array([{}]), allow_pickle=True), "pickle"),
    "nan.npy": (lambda path: np.save(path, np.full((4, 4), np.nan)), "16 values that are NaN"),
    "unit.npy": (lambda path: np.save(path, np.full((4, 4), 0.5)), "seems to be on 0..1"),
    "text.txt": (lambda path: path.write_text("no picture"), "unknown kind of file '.txt'"),
    "folder.png/none.png": (lambda path: None, "there is no file"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_told_in_one_line_and_leaves_nothing(tmp_path, capsys, name):
    make, said = BAD[name]
    make(tmp_path / name)
    assert run("restore", tmp_path / name, tmp_path / "out/out.png") == 2
    captured = capsys.readouterr()
    assert captured.out == "" and len(captured.err.splitlines()) == 1
    assert captured.err.startswith("anisodiff: ") and said in captured.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("target", ["out.gif", "out", "in.png"])
def test_a_bad_target_is_told_before_any_work(tmp_path, capsys, monkeypatch, target):
    monkeypatch.setattr(models, "load", None)
    path = save(tmp_path / "in.png", GRAY)
    before = path.read_bytes()
    assert run("restore", path, tmp_path / target) == 2
    assert len(told(capsys)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["in.png"] and path.read_bytes() == before


def test_a_file_into_a_folder(tmp_path):
    (tmp_path / "out").mkdir()
    assert run("restore", save(tmp_path / "in.png", GRAY), tmp_path / "out") == 0
    assert (tmp_path / "out/in.png").is_file()


# Folders


def test_a_folder_is_restored_but_for_its_bad_files(tmp_path, capsys):
    source, target = tmp_path / "in", tmp_path / "deep/out"
    source.mkdir()
    (source / "folder.png").mkdir()
    (source / "notes.txt").write_text("left alone")
    save(source / "a.png", GRAY)
    (source / "b.png").write_bytes(b"")
    save(source / "c.npy", np.full((4, 4), np.nan))
    tifffile.imwrite(source / "d.TIF", COLOUR, photometric="rgb")
    assert run("restore", source, target) == 1
    lines = told(capsys)
    assert [line.split(":")[1].strip() for line in lines[:2]] == ["b.png", "c.npy"]
    assert lines[2:] == ["anisodiff: 2 of 4 images were not restored"]
    assert sorted(path.name for path in target.iterdir()) == ["a.png", "d.TIF"]
    assert np.array_equal(opened(target / "a.png"), np.rint(restored(GRAY)))


def test_folders_that_cannot_be_restored(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    path = save(tmp_path / "in.png", GRAY)
    assert run("restore", tmp_path / "empty", tmp_path / "out") == 2
    assert "holds no image" in told(capsys)[0]
    for target in (path, tmp_path):
        assert run("restore", tmp_path, target) == 2
        assert "OUTPUT must be another folder" in told(capsys)[0]


# Models, levels, scores


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--model", "pm"), "unknown model 'pm'; there are: input, perona-malik"),
        (("--degradation", "snow"), "unknown degradation 'snow'"),
        (("--level", "-1"), "must be above 0"),
        (
            ("--model", "perona-malik-released-tuned", "--degradation", "blur", "--level", "4"),
            "perona-malik-released-tuned has no weights for blur",
        ),
        (("--model", "border-classifier"), "border-classifier finds borders: it restores nothing"),
    ],
)
def test_what_is_unknown_is_told_in_one_line(tmp_path, capsys, arguments, said):
    assert run("restore", save(tmp_path / "in.png", GRAY), tmp_path / "out.png", *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("anisodiff: ") and said in line
    assert not (tmp_path / "out.png").exists()


def test_an_untrained_level_is_warned_of_in_one_line(tmp_path):
    path = save(tmp_path / "in.png", GRAY)
    done = command("restore", path, tmp_path / "out.png", "--level", "26")
    assert done.returncode == 0 and (tmp_path / "out.png").is_file()
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "anisodiff: warning: perona-malik was not made for gaussian at 26, only at "
    )


def test_evaluate_prints_means_and_writes_every_score(tmp_path, capsys):
    arguments = ("evaluate", "perona-malik", "--collection", "shipped/test", "--crop", "64")
    assert run(*arguments, "--csv", tmp_path / "new/out.csv") == 0
    rows = pd.read_csv(tmp_path / "new/out.csv")
    assert rows.groupby("metric").size().to_dict() == dict.fromkeys(
        [*distortion.METRICS, *structure.COEFFICIENT], 5
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "perona-malik, gaussian 25, 5 images of shipped/test"
    _, mean, low, high = next(line for line in lines if line.startswith("psnr")).split()
    assert float(mean) == pytest.approx(rows[rows.metric == "psnr"].value.mean(), abs=1e-4)
    assert float(low) < float(mean) < float(high)


def test_evaluate_knows_the_oracle_and_names_what_it_does_not(capsys):
    assert run("evaluate", "perona-malik", "--collection", "kodak") == 2
    assert "unknown collection 'kodak'" in told(capsys)[0]
    psnr = {}
    for name in ("perona-malik", "perona-malik-oracle-lambda"):
        assert run("evaluate", name, "--collection", "shipped/val", "--crop", "48") == 0
        psnr[name] = next(
            float(line.split()[1])
            for line in capsys.readouterr().out.splitlines()
            if "psnr" in line
        )
    assert psnr["perona-malik-oracle-lambda"] >= psnr["perona-malik"]


def test_a_collection_that_is_missing_is_told_in_one_line(monkeypatch, tmp_path, capsys):
    from anisodiff.data import collections

    collections._load_one.cache_clear()
    monkeypatch.setenv("ANISODIFF_DATA", str(tmp_path))
    assert run("evaluate", "perona-malik", "--collection", "set12") == 2
    (line,) = told(capsys)
    assert (
        "point ANISODIFF_DATA at a folder that holds it" in line and "unset it to download" in line
    )


def test_models_lists_each_with_its_weights_and_explains_the_suffixes(capsys):
    assert run("models") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    for name, entry in models.MODELS.items():
        assert any(
            line.split()[0] == name and line.endswith(entry.summary)
            for line in lines
            if line.strip()
        )
    assert "gaussian 5 10 15 20 25 35 50" in out and "206,065" in out and "-option-1" in out


def test_fit_makes_weights_and_says_where(monkeypatch, tmp_path, capsys):
    catalogue.study()
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(experiments, "ROOT", tmp_path)
    assert run("fit", "perona-malik", "--level", "15", "--profile", "smoke", "--seed", "3") == 0
    path = tmp_path / "_build/weights/smoke/perona-malik/gaussian-15-seed-3.safetensors"
    assert capsys.readouterr().out.strip() == str(path) and path.is_file()
    assert run("fit", "perona-malik", "--profile", "huge") == 2
    assert told(capsys) == ["anisodiff: unknown profile 'huge'; there are: smoke, quick, paper"]


def test_a_training_that_fails_is_told_in_one_line(monkeypatch, capsys):

    def fail(_):
        raise loop.TrainingFailed("the loss is nan at step 7")

    monkeypatch.setattr(loop, "fit", fail)
    assert run("fit", "learned-lambda") == 2
    assert told(capsys) == ["anisodiff: the loss is nan at step 7"]


def test_an_interruption_is_told_in_one_line(monkeypatch, capsys):

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "fit", interrupt)
    assert run("fit", "learned-lambda") == 130
    assert told(capsys) == ["anisodiff: interrupted"]


# The whole, as a process


def command(*arguments, code="import sys; from anisodiff.cli import main; sys.exit(main())"):
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


def test_help_comes_at_once():
    code = "import sys, anisodiff.cli as cli; {}; print(sorted({{'torch', 'numpy', 'pandas'}} & set(sys.modules)))"
    done = command("--help", code=code.format("cli._parser().print_help()"))
    assert all(f"    {name} " in done.stdout for name in ("restore", "fit", "evaluate", "models"))
    assert done.stdout.endswith("[]\n"), "nothing heavy is imported for it"


def test_a_photograph_of_twelve_megapixels_takes_less_than_two_gigabytes(tmp_path):
    pixels = np.tile(RANDOM.integers(0, 256, (300, 400, 3), dtype=np.uint8), (10, 10, 1))
    save(tmp_path / "in.jpg", pixels)
    code = (
        "import json, resource, sys; from anisodiff.cli import main; done = main();"
        "print(json.dumps([done, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024]))"
    )
    done, peak = json.loads(
        command("restore", tmp_path / "in.jpg", tmp_path / "out.jpg", code=code).stdout
    )
    assert done == 0 and opened(tmp_path / "out.jpg").shape == (3000, 4000, 3)
    assert peak < 2e9


def test_evaluate_tells_what_the_eye_may_see(monkeypatch, capsys):
    monkeypatch.setitem(perceptual.MEASURES, "lpips", lambda restored, clean: 0.125)
    assert run("evaluate", "tv", "--collection", "shipped/val", "--crop", "64", "--perceptual") == 0
    lines = {
        line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines() if line
    }
    assert lines["lpips"] == ["0.1250"] * 3
    assert float(lines["q"][0]) > 0 and "psnr" in lines
