"""One loop that trains every model: Adam, one learning-rate cycle, the best state by held-out training images kept.

With ``optimiser: sgd`` among the study's settings it is plain stochastic gradient descent, without momentum.

Gradients are clipped to a norm of ``clip``; a step whose gradient is more than ``surge`` times as long as the median of
the last hundred is left out. A model that has fallen 1 dB below its best goes back there, and on with the next batch.
What is minimised is the ``loss`` of the study's settings, or a module's own ``loss(degraded, clean)``, or, where a
module has a ``discriminator()``, the sum of its ``losses(discriminator, degraded, clean)``: the discriminator learns
beside it and is left behind.
"""

import time
from dataclasses import asdict

import numpy as np
import torch
from torch import nn
from torch.nn.functional import mse_loss
from tqdm import tqdm

from ..data import collections, provenance
from ..methods import restorer
from ..problems.degradations import DEGRADATIONS, degradation
from ..study import models, weights
from ..study.experiments import Experiment
from . import tuning

FALL = 1.0  # dB below its best on held-out images, from where some trainings do not come back


class TrainingFailed(RuntimeError):
    """The loss is no longer a number; the message says when, and what to try."""


def fitted(
    model: str, kind: str, level: float, profile: str = "quick", seed: int = 0
) -> restorer.Restorer:
    """A model for exactly this degradation and level: the shipped weights, else some made now on a profile's budget."""
    shipped = Experiment(model, kind, level, "paper", seed)
    experiment = shipped if is_current(shipped) else shipped.in_profile(profile)
    fit(experiment)
    return models.open_weights(experiment)


def is_current(experiment: Experiment) -> bool:
    """Whether the weights on disk were made by just this experiment."""
    header = weights.header(experiment.weights)
    return header is not None and header["digest"] == experiment.digest


def fit(experiment: Experiment) -> None:
    """Tune or train a model and write its weights; nothing to do where they are there and current.

    A training that was interrupted goes on from its last checkpoint. Raises ValueError for a model without weights, and
    TrainingFailed when the loss is not finite.
    """
    if not experiment.settings:
        raise ValueError(f"{experiment.model} has nothing to fit")
    if experiment.classifier:
        fit(experiment.classifier)
    if is_current(experiment):
        return
    start = time.monotonic()
    module, facts = (tuning.tune if "tune" in experiment.settings else train)(experiment)
    header = {
        "digest": experiment.digest,
        "experiment": asdict(experiment),
        "settings": experiment.settings,
    }
    facts = {
        "seconds": round(time.monotonic() - start, 1)
    } | facts  # a resumed training counts its own
    weights.write(experiment.weights, module, header | facts | provenance.stamp())


def train(experiment: Experiment) -> tuple[nn.Module, dict]:
    """Minimise the loss over random degraded crops; the module and what there is to say of it."""
    settings = experiment.settings["train"]
    collection = collections.load(experiment.settings["collection"])
    held_out, collection = (
        collection[::10],
        [image for at, image in enumerate(collection) if at % 10],
    )
    seed = experiment.drawn_from
    drawn = np.random.default_rng([seed, 1])
    validation = _batch(experiment, held_out, settings["validation"], drawn)

    torch.manual_seed(seed)
    arguments = _arguments(experiment)
    module = (
        models.entry(experiment.model).build(**arguments).to(memory_format=torch.channels_last)
    )  # a quarter faster
    discriminator = module.discriminator() if hasattr(module, "discriminator") else None
    learning = nn.ModuleList([module] if discriminator is None else [module, discriminator])
    adam = settings.get("optimiser", "adam") == "adam"
    optimiser = (torch.optim.Adam if adam else torch.optim.SGD)(
        learning.parameters(), settings["rate"]
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, settings["rate"], settings["steps"], cycle_momentum=adam
    )
    done = {"step": 0, "best": -np.inf, "state": None, "curve": [], "seconds": 0.0}
    done |= {"norms": [], "left_out": 0, "falls": 0}

    checkpoint = (
        provenance.ROOT
        / "_build/checkpoints"
        / f"{experiment.name.replace('/', '-')}-{experiment.digest}.pt"
    )
    if checkpoint.is_file():
        saved = torch.load(
            checkpoint, weights_only=False
        )  # our own file: the optimiser's state beside tensors
        learning.load_state_dict(saved["learning"])
        optimiser.load_state_dict(saved["optimiser"])
        schedule.load_state_dict(saved["schedule"])
        done |= saved["done"]

    else:  # the untrained model is the one to beat
        _keep_if_best(module, 0, None, validation, done)

    bar = tqdm(
        total=settings["steps"],
        initial=done["step"],
        desc=experiment.name,
        unit="step",
        mininterval=1,
    )
    start = time.monotonic() - done["seconds"]
    for step in range(done["step"], settings["steps"]):
        generator = np.random.default_rng([seed, 2, step])
        batch = _batch(experiment, collection, settings["batch"], generator)
        loss = loss_of(module.train(), batch, settings.get("loss", "mse"), discriminator)
        if not torch.isfinite(loss):
            raise TrainingFailed(
                f"{experiment.name}: the loss is {loss.item()} at step {step}; "
                f"try a learning rate below {settings['rate']:g}"
            )
        optimiser.zero_grad()
        loss.backward()
        norm = float(nn.utils.clip_grad_norm_(learning.parameters(), settings.get("clip", 1e4)))
        done["norms"] = [*done["norms"], norm][-100:]
        if "surge" in settings and norm > settings["surge"] * np.median(done["norms"]):
            done["left_out"] += 1  # clipped, it would be as long as any other and lead nowhere
        else:
            optimiser.step()
        schedule.step()
        bar.update()
        if (step + 1) % settings["every"] == 0 or step + 1 == settings["steps"]:
            score = _keep_if_best(module, step + 1, loss.item(), validation, done)
            if score < done["best"] - FALL and not hasattr(module, "loss"):
                module.load_state_dict(done["state"])
                optimiser.state.clear()  # its means of gradients are those of the fall
                done["falls"] += 1
            done |= {"step": step + 1, "seconds": time.monotonic() - start}
            bar.set_postfix_str(f"loss {loss.item():.4g}, validation {score:.4g}")
            checkpoint.parent.mkdir(parents=True, exist_ok=True)
            state = {"learning": learning, "optimiser": optimiser, "schedule": schedule}
            torch.save(
                {name: part.state_dict() for name, part in state.items()} | {"done": done},
                checkpoint,
            )
    bar.close()

    module.load_state_dict(done["state"])
    module.load_state_dict(
        weights.stored(module)
    )  # what is kept, in half precision, is what is scored
    scored = "validation_score" if hasattr(module, "loss") else "validation_psnr"
    facts = {
        "build": arguments,
        scored: done["best"],
        f"{scored}_stored": _score(module, validation),
        "curve": done["curve"],
        "left_out": done["left_out"],
        "falls": done["falls"],
        "seconds": round(done["seconds"], 1),
    }
    checkpoint.unlink(missing_ok=True)
    return module, facts


def _arguments(experiment: Experiment) -> dict:
    """What builds the untrained model: its own fixed arguments, the settings of the tuned model it starts from (for a
    model of all levels, the level, lambda and time of each), the weights of its classifier."""
    entry, arguments = models.entry(experiment.model), {}
    if entry.like:
        levels = (
            DEGRADATIONS[experiment.degradation].levels
            if experiment.all_levels
            else [experiment.level]
        )
        tuned = [
            fitted(
                entry.like, experiment.degradation, level, experiment.profile, experiment.seed
            ).header["build"]
            for level in levels
        ]
        if experiment.all_levels:
            rows = zip(levels, tuned, strict=True)
            arguments = {
                "tuned": [[level, of["lambda_"], of["steps"] * of["tau"]] for level, of in rows]
            }
        else:
            arguments = dict(tuned[0])
            arguments["steps"] = max(
                1, arguments["steps"]
            )  # without a step there is nothing to learn
    if experiment.classifier:
        arguments["classifier"] = str(experiment.classifier.weights.relative_to(provenance.ROOT))
    return arguments | entry.arguments(experiment.level)


def _batch(
    experiment, collection, count, generator
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Clean and degraded crops, (B, 1, H, W), and the levels, (B, 1, 1, 1)."""
    clean = collections.random_crops(
        collection, experiment.settings["train"]["crop"], count, generator
    )
    drawn = [_drawn(experiment, generator) for _ in clean]
    degraded = np.stack([how(crop, generator) for how, crop in zip(drawn, clean, strict=True)])
    levels = torch.tensor([float(how.level) for how in drawn])
    return (
        torch.from_numpy(clean)[:, None],
        torch.from_numpy(degraded)[:, None],
        levels[:, None, None, None],
    )


def _drawn(experiment: Experiment, generator: np.random.Generator):
    """The degradation of one crop; where the model is made for several, drawn, the level evenly in its logarithm."""
    if not experiment.all_levels:
        return degradation(experiment.degradation, experiment.level)
    name = generator.choice(list(DEGRADATIONS)) if experiment.universal else experiment.degradation
    ends = np.log([DEGRADATIONS[name].levels[at] for at in (0, -1)])
    return degradation(name, float(np.exp(generator.uniform(*ends))))


def _restored(
    module: nn.Module, clean: torch.Tensor, degraded: torch.Tensor, levels: torch.Tensor
) -> torch.Tensor:
    restorer.reveal(module, clean)
    restorer.tell(module, levels)
    return module(degraded)


def loss_of(
    module: nn.Module, batch: tuple[torch.Tensor, ...], name: str, discriminator=None
) -> torch.Tensor:
    """The loss of clean crops, degraded ones and their levels, by its name.

    ``mse``: the mean squared error; ``psnr``: minus the mean PSNR, which weighs all levels alike; else its own.
    """
    clean, degraded, _ = batch
    if discriminator is not None:
        return sum(module.losses(discriminator, degraded, clean))
    if hasattr(module, "loss"):
        return module.loss(degraded, clean)
    if name == "mse":
        return mse_loss(_restored(module, *batch), clean)
    return -_psnr((_restored(module, *batch) - clean).square().mean((1, 2, 3)))


def _keep_if_best(
    module: nn.Module, step: int, loss: float | None, validation, done: dict
) -> float:
    score = _score(module, validation)
    done["curve"].append([step, loss and round(loss, 2), round(score, 4)])
    if score > done["best"]:
        done["best"], done["state"] = (
            score,
            {name: value.clone() for name, value in module.state_dict().items()},
        )
    return score


def _score(module: nn.Module, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> float:
    """Mean PSNR of the clipped restorations, or minus the loss that a module brings of its own."""
    clean, degraded, _ = batch
    with torch.inference_mode():
        if hasattr(module.eval(), "loss"):
            return -float(module.loss(degraded, clean))
        restored = _restored(module, *batch).clamp(0, 255)
    return float(_psnr((restored - clean).square().mean((1, 2, 3), dtype=torch.float64)))


def _psnr(errors: torch.Tensor) -> torch.Tensor:
    """The mean, from the mean squared error of each image; a perfect one (a flat crop, blurred) counts as 78 dB."""
    return -(10 * torch.log10(errors.clamp_min(1e-3) / 255**2)).mean()
