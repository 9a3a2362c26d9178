"""The command line: files in and out with their range, folders, tables, and errors of one line."""

import json
import signal
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
from anisodiff.data import collections, files, provenance
from anisodiff.methods.device import chosen
from anisodiff.metrics import distortion, perceptual, structure
from anisodiff.reports import records, status
from anisodiff.study import catalogue, evaluation, fitting, restorers
from anisodiff.study.store import State
from anisodiff.training import loop

RANDOM = np.random.default_rng(0)
GRAY = RANDOM.integers(60, 190, (20, 31), dtype=np.uint8)
COLOUR = RANDOM.integers(60, 190, (20, 31, 3), dtype=np.uint8)


LOADED = restorers.load("input")
CLASSIC = anisodiff.load("perona-malik")


def run(*arguments):
    return main([str(argument) for argument in arguments])


def restored(pixels):
    return CLASSIC.restore(pixels)


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
def test_a_picture_keeps_its_depth_and_comes_out_as_python_restores_it(tmp_path, suffix):
    wide = RANDOM.integers(20000, 50000, (20, 31, 3), dtype=np.uint16)
    for pixels in (GRAY, COLOUR, wide[..., 0], wide):
        unit = np.iinfo(pixels.dtype).max / 255
        path = save(tmp_path / f"in{suffix}", pixels)
        assert run("restore", path, tmp_path / f"out{suffix}") == 0
        out = opened(tmp_path / f"out{suffix}")
        assert out.dtype == pixels.dtype and out.shape == pixels.shape
        expected = restored(pixels / np.float32(unit)) * unit
        np.testing.assert_allclose(out, expected, atol=0.52)
        assert not np.array_equal(out, pixels)
        assert pixels.dtype == np.uint8 or len(np.unique(out)) > 300, "finer than 8 bits"


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_every_value_of_the_range_survives(tmp_path, suffix):
    for kind in (np.uint8, np.uint16):
        full = np.iinfo(kind).max
        every = np.arange(full + 1, dtype=kind).reshape(16, -1)
        picture = files.read(save(tmp_path / f"in{suffix}", every))
        assert picture.pixels.min() == 0 and picture.pixels.max() == 255
        files.write(tmp_path / f"out{suffix}", picture)
        assert np.array_equal(opened(tmp_path / f"out{suffix}"), every)
        files.write(tmp_path / f"far{suffix}", picture.with_pixels(picture.pixels * 3.0 - 255))
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
def test_transparency_is_kept(tmp_path, suffix):
    alpha = RANDOM.integers(0, 256, GRAY.shape, dtype=np.uint8)
    for colour, photometric in ((GRAY, "minisblack"), (COLOUR, "rgb")):
        pixels, path = np.dstack([colour, alpha]), tmp_path / f"in{suffix}"
        if suffix == ".tif":
            given = {"planarconfig": "contig", "extrasamples": ["unassalpha"]}
            tifffile.imwrite(path, pixels, photometric=photometric, **given)
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


def test_other_ways_to_store_a_picture(tmp_path):
    for mode in ("P", "1", "CMYK"):
        image = PIL.Image.fromarray(COLOUR).convert(mode)
        path = tmp_path / ("in.tif" if mode == "CMYK" else f"{mode}.png")
        image.save(path)
        expected = np.asarray(image.convert("L" if mode == "1" else "RGB"))
        assert np.array_equal(files.read(path).pixels, expected), mode
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        for pixels in (GRAY, COLOUR, GRAY.astype(np.uint16) * 250):
            PIL.Image.fromarray(pixels).save(tmp_path / "in.tif", compression=compression)
            files.write(tmp_path / "out.tif", files.read(tmp_path / "in.tif"))
            assert np.array_equal(tifffile.imread(tmp_path / "out.tif"), pixels), compression


def test_planes_of_a_tiff(tmp_path):
    tifffile.imwrite(
        tmp_path / "in.tif", np.moveaxis(COLOUR, -1, 0), photometric="rgb", planarconfig="separate"
    )
    assert np.array_equal(files.read(tmp_path / "in.tif").pixels, COLOUR)


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".pgm", ".ppm"])
def test_further_kinds_of_files_keep_every_pixel(tmp_path, suffix):
    for pixels in (GRAY, COLOUR):
        if (suffix, pixels.ndim) in ((".pgm", 3), (".ppm", 2)):
            continue
        PIL.Image.fromarray(pixels).save(tmp_path / f"in{suffix}", lossless=True)
        picture = files.read(tmp_path / f"in{suffix}")
        same = pixels if suffix != ".webp" or pixels.ndim == 3 else np.dstack([pixels] * 3)
        assert np.array_equal(picture.pixels, same)
        files.write(tmp_path / f"out{suffix}", picture)
        assert np.array_equal(opened(tmp_path / f"out{suffix}"), same)


def test_sixteen_bits_of_a_pgm_are_read(tmp_path):
    wide = GRAY.astype(np.uint16) * 250
    content = f"P5 {wide.shape[1]} {wide.shape[0]} 65535\n".encode() + wide.astype(">u2").tobytes()
    (tmp_path / "in.pgm").write_bytes(content)
    picture = files.read(tmp_path / "in.pgm")
    np.testing.assert_allclose(picture.pixels, wide / 257, rtol=1e-6)
    assert picture.kind == np.uint16


def test_of_a_phones_two_pictures_in_a_file_the_first_is_read(tmp_path):
    first, second = (PIL.Image.fromarray(of) for of in (COLOUR, COLOUR[::-1]))
    first.save(tmp_path / "in.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    with PIL.Image.open(tmp_path / "in.jpg") as image:
        assert image.format == "MPO" and image.n_frames == 2
    apart = files.read(tmp_path / "in.jpg").pixels.astype(float) - COLOUR
    assert np.abs(apart).mean() < np.abs(apart[::-1] - COLOUR).mean() / 3


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


def test_a_bad_file_is_told_in_one_line_and_leaves_nothing(tmp_path, capsys):
    for name, (make, said) in BAD.items():
        make(tmp_path / name)
        assert run("restore", tmp_path / name, tmp_path / "out/out.png") == 2, name
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1, name
        assert captured.err.startswith("anisodiff: ") and said in captured.err, name
        assert not (tmp_path / "out").exists(), name


def test_a_bad_target_is_told_before_any_work(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(restorers, "load", None)
    path = save(tmp_path / "in.png", GRAY)
    before = path.read_bytes()
    for target in ("out.gif", "out", "in.png"):
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


UNKNOWN = [
    (("--model", "pm"), "unknown model 'pm'; there are: input, perona-malik"),
    (("--degradation", "snow"), "unknown problem 'snow'; there are: gaussian, poisson"),
    (("--level", "-1"), "must be above 0"),
    (("--problem", "blur,4,7"), "'7' is not a further parameter=number"),
    (("--problem", "blur,variance=four"), "'four' is not a number"),
    (("--problem", "blur,sigma=2"), "blur: variance is missing"),
    (("--problem", "blur,width=2"), "unknown parameter 'width'; there are: variance, sigma"),
    (("--device", "gpu"), "unknown device 'gpu'; there are: auto, cpu, cuda, mps"),
    (
        ("--model", "perona-malik-released-tuned", "--degradation", "blur", "--level", "4"),
        "perona-malik-released-tuned has no weights for blur",
    ),
    (("--model", "border-classifier"), "border-classifier finds borders: it restores nothing"),
]


def test_what_is_unknown_is_told_in_one_line(tmp_path, capsys):
    path = save(tmp_path / "in.png", GRAY)
    for arguments, said in UNKNOWN:
        assert run("restore", path, tmp_path / "out.png", *arguments) == 2, arguments
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("anisodiff: ") and said in line
    assert not (tmp_path / "out.png").exists()


def test_a_problem_in_one_word_is_that_of_its_options(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(restorers, "load", lambda *_, **given: asked.append(given) or LOADED)
    path = save(tmp_path / "in.png", GRAY)
    one = ("--degradation", "blur", "--level", "4")
    for arguments in (one, ("--problem", "blur,4"), ("--problem", "blur,variance=4,sigma=2")):
        assert run("restore", path, tmp_path / "out.png", *arguments, "--seed", "3") == 0
    problems = [given["problem"] for given in asked]
    assert problems[0] == problems[1] != problems[2]
    assert (problems[2].name, problems[2].variance, problems[2].sigma) == ("blur", 4, 2)
    assert {given["seed"] for given in asked} == {3}


def test_the_device_is_the_options_else_the_variables_else_the_cpu(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        restorers, "load", lambda *_, **given: asked.append(given["device"]) or LOADED
    )
    path = save(tmp_path / "in.png", GRAY)
    monkeypatch.delenv("ANISODIFF_DEVICE", raising=False)
    assert run("restore", path, tmp_path / "out.png") == 0
    assert run("restore", path, tmp_path / "out.png", "--device", "auto") == 0
    monkeypatch.setenv("ANISODIFF_DEVICE", "auto")
    assert run("restore", path, tmp_path / "out.png") == 0
    assert run("restore", path, tmp_path / "out.png", "--device", "cpu") == 0
    monkeypatch.setenv("ANISODIFF_DEVICE", "gpu")
    assert run("restore", path, tmp_path / "out.png") == 2
    assert asked == ["cpu", chosen("auto"), chosen("auto"), "cpu"]


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


def test_evaluate_counts_squares_of_one_photograph_as_one(monkeypatch, capsys):
    where = "bsds500/val-500"
    scores = evaluation.read_scores(where, "perona-malik", "gaussian").query("level == 25")
    monkeypatch.setattr(evaluation, "evaluate", lambda *_, **__: scores)
    assert run("evaluate", "perona-malik", "--collection", where) == 0
    printed = capsys.readouterr().out.splitlines()
    psnr = next(line for line in printed if line.startswith("psnr ")).split()[1:]
    expected = records.mean("perona-malik", level=25, collection=where)
    assert psnr == [f"{value:.4f}" for value in expected]


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
    lines = {line.split()[0]: line for line in out.splitlines() if line[:1].strip()}
    missing = [
        name
        for name in catalogue.names()
        if not lines.get(name, "").endswith(catalogue.entry(name).summary)
    ]
    assert not missing
    assert "gaussian 5 10 15 20 25 35 50" in out and "206,065" in out
    suffixes = {part for name in lines for part in name.split("-")[1:] if part.isalpha()}
    told = ("option", "released", "tuned", "blind", "time", "borders", "true", "half")
    told += ("free", "flat", "seed", "intervals", "oracle")
    assert set(told) <= suffixes and all(f"-{suffix}" in out.split("\n\n")[-1] for suffix in told)


def test_fit_makes_weights_and_says_where(monkeypatch, tmp_path, capsys):
    catalogue.study()
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    words = ("--profile", "smoke", "--seed", "3", "--device", "cpu")
    assert run("fit", "perona-malik", "--problem", "gaussian,15", *words) == 0
    path = tmp_path / "_build/weights/smoke/perona-malik/gaussian-15-seed-3.safetensors"
    assert capsys.readouterr().out.strip() == str(path) and path.is_file()
    assert not (tmp_path / "data").exists(), "nothing is confirmed of what is shipped"
    made = path.read_bytes()
    assert run("fit", "perona-malik", "--level", "15", *words) == 0
    assert path.read_bytes() == made, "it is current"
    assert run("fit", "perona-malik", "--profile", "huge") == 2
    assert told(capsys) == ["anisodiff: unknown profile 'huge'; there are: smoke, quick, paper"]


def test_codeplan_and_make(monkeypatch, tmp_path, capsys):
    """On two artefacts; what they do in a checkout, tests/test_checkout.py says."""
    made, states = [], {"weights/a": State("current"), "scores/a": State("stale", "why it is")}
    known = {name: name for name in states}
    monkeypatch.setattr(status, "artefacts", lambda: known)
    monkeypatch.setattr(
        status, "examine", lambda asked, probing=False: {n: states[n] for n in asked}
    )
    monkeypatch.setattr(status, "summary", lambda asked, found: f"{len(found)} in all")
    monkeypatch.setattr(status, "plan", lambda: {"scores/a": []})
    monkeypatch.setattr(status, "make", made.append)
    assert run("status") == 1 and capsys.readouterr().out == "2 in all\n"
    assert run("plan", tmp_path / "deep/plan.json") == 0
    assert json.loads((tmp_path / "deep/plan.json").read_text())["before"] == {"scores/a": []}
    assert "1 artefacts" in capsys.readouterr().out
    assert run("make", "scores/a") == 0 and made == ["scores/a"]
    states["scores/a"] = State("current")
    assert run("status", "--probe") == 0


def test_an_unknown_artefact_is_told_in_one_line(capsys):
    assert run("make", "weights/none") == 2
    assert told(capsys) == [
        "anisodiff: there is no artefact 'weights/none'; `anisodiff status` lists them"
    ]


def test_failures_and_interruptions_are_told_in_one_line(monkeypatch, capsys):
    for error, code, said in (
        (loop.TrainingFailed("the loss is nan at step 7"), 2, "the loss is nan at step 7"),
        (MemoryError(), 2, "MemoryError"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ):

        def fail(run, device, error=error):
            raise error

        monkeypatch.setattr(fitting, "fit", fail)
        assert run("fit", "learned-lambda") == code
        assert told(capsys) == [f"anisodiff: {said}"]


def test_who_asks_the_process_to_end_is_answered_in_one_line(monkeypatch, capsys):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(fitting, "fit", lambda run, device: signal.raise_signal(signal.SIGTERM))
    assert run("fit", "learned-lambda") == 143
    assert told(capsys) == ["anisodiff: terminated"]
    assert signal.getsignal(signal.SIGTERM) == before


# The whole, as a process


def command(*arguments, code="import sys; from anisodiff.cli import main; sys.exit(main())"):
    words = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=100)


COMMANDS = ("restore", "fit", "evaluate", "models", "status", "plan", "make")


def test_help_comes_at_once():
    code = "import sys, anisodiff.cli as cli; {}; print(sorted({{'torch', 'numpy', 'pandas'}} & set(sys.modules)))"
    done = command("--help", code=code.format("cli._parser().print_help()"))
    assert all(f"    {name} " in done.stdout for name in COMMANDS)
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


@pytest.mark.parametrize("crop", [-3, 1, 10])
def test_a_crop_that_cannot_be_scored_is_named_with_what_can(crop, capsys):
    assert run("evaluate", "perona-malik", "--collection", "shipped/test", "--crop", crop) == 2
    (line,) = told(capsys)
    assert f"--crop is 0, for whole images, or at least 11 pixels a side, got {crop}" in line
