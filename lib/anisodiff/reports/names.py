"""What readers call models, degradations and images, and where the book explains each model: one table of each."""

import html

from .pages.tables import Html

NAMES = {  # by the study's name: a reader's, and the page, or the section of one
    "input": ("noisy input", "degradations"),
    "perona-malik": ("classic, tuned", "perona_malik"),
    "perona-malik-released": ("released classic", "perona_malik"),
    "perona-malik-released-tuned": ("released classic, tuned", "perona_malik"),
    "learned-lambda": ("learned λ", "learned_lambda"),
    "p1": ("P1 functions", "p1_diffusivities"),
    "p1-nonnegative": ("P1, nonnegative", "p1_diffusivities"),
    "p1-intervals-16": ("P1, 16 intervals", "p1_diffusivities"),
    "p1-borders": ("P1 + borders", "borders_in_diffusion"),
    "foe-s": ("FoE-S", "fields_of_experts"),
    "foe-s-told": ("FoE-S, told", "all_levels"),
    "foe-d": ("FoE-D", "fields_of_experts"),
    "foe-m": ("FoE-M", "fields_of_experts"),
    "foe-rb": ("FoE-RB", "fields_of_experts"),
    "foe-s-data": ("FoE-S + data term", "freedoms"),
    "foe-s-signed": ("FoE-S + either sign", "freedoms"),
    "foe-s-edges": ("FoE-S + each edge", "freedoms"),
    "foe-s-untied": ("FoE-S + each step", "freedoms"),
    "foe-s-untied-edges": ("FoE-S + each step and edge", "freedoms"),
    "unet-diffusivity": ("U-Net diffusivity", "unet_diffusivity"),
    "network": ("networks, each step and edge", "freedoms"),
    "network-memory": ("networks with memory", "freedoms"),
    "network-long": ("best diffusion", "freedoms"),
    "network-200k": ("best diffusion, 200 K", "freedoms#at-equal-cost"),
    "bm3d": ("BM3D", "../book/protocol#what-is-tuned-on-what"),
    "nlm": ("non-local means", "../book/protocol#what-is-tuned-on-what"),
    "tv": ("total variation", "../book/protocol#what-is-tuned-on-what"),
    "wavelet": ("wavelet thresholds", "../book/protocol#what-is-tuned-on-what"),
    "dct-7": ("DCT 7×7", "dct"),
    "dct-8-adaptive": ("DCT 8×8, adaptive", "dct"),
    "dct-7-learned": ("DCT 7×7, learned", "dct"),
    "dct-8-learned": ("DCT 8×8, learned", "dct"),
    "dct-8-straight": ("DCT 8×8, straight-through", "dct"),
    "dct-8-soft": ("DCT 8×8, soft", "dct"),
    "dct-8-searched": ("DCT 8×8, searched", "dct"),
    "dct-8-transform": ("DCT 8×8, own transform", "dct"),
    "dct-16-learned": ("DCT 16×16, learned", "dct"),
    "ffdnet": ("FFDNet", "ffdnet"),
    "ffdnet-ipol": ("FFDNet, IPOL", "ffdnet"),
    "ffdnet-narrow": ("narrow FFDNet", "ffdnet"),
    "ffdnet-narrow-one-level": ("narrow FFDNet, one level", "ffdnet"),
    "drunet-lite": ("DRUNet-lite", "ffdnet"),
    "drunet-longer": ("DRUNet-lite, trained on", "ffdnet"),
    "drunet-longest": ("DRUNet-lite, trained on twice", "ffdnet"),
    "drunet-brief": ("DRUNet-lite, trained briefly", "adaptation#how-much-depends-on-the-start"),
    "drunet-wide": ("DRUNet-wide", "svd_samplers"),
    "foe-s-alone": ("FoE-S, trained on", "proposals#a-critic-that-compares"),
    "foe-s-siamese": ("FoE-S, Siamese critic", "proposals#a-critic-that-compares"),
    "foe-s-siamese-strong": ("FoE-S, strong Siamese critic", "proposals#a-critic-that-compares"),
    "foe-s-patches": ("FoE-S, critic of patches", "proposals#a-critic-that-compares"),
    "foe-s-patches-strong": ("FoE-S, strong critic of patches", "proposals#a-critic-that-compares"),
    "drunet-alone": ("DRUNet-lite, on one level", "proposals#a-critic-that-compares"),
    "drunet-siamese": ("DRUNet-lite, Siamese critic", "proposals#a-critic-that-compares"),
    "drunet-siamese-strong": (
        "DRUNet-lite, strong Siamese critic",
        "proposals#a-critic-that-compares",
    ),
    "drunet-patches": ("DRUNet-lite, critic of patches", "proposals#a-critic-that-compares"),
    "drunet-patches-strong": (
        "DRUNet-lite, strong critic of patches",
        "proposals#a-critic-that-compares",
    ),
    "tnrd": ("TNRD 5×5", "tnrd"),
    "tnrd-7x7": ("TNRD 7×7", "tnrd"),
    "tnrd-7x7-stages-2": ("TNRD 7×7, 2 stages", "tnrd"),
    "tnrd-7x7-stages-8": ("TNRD 7×7, 8 stages", "tnrd"),
    "tnrd-stages-2": ("TNRD 5×5, 2 stages", "tnrd"),
    "tnrd-stages-8": ("TNRD 5×5, 8 stages", "tnrd"),
    "tnrd-short": ("TNRD 5×5, short", "tnrd"),
    "tnrd-greedy": ("TNRD, stage by stage", "tnrd"),
    "tnrd-greedy-joint": ("TNRD, stage by stage, then all", "tnrd"),
    "tnrd-lbfgs": ("TNRD, L-BFGS", "tnrd"),
    "tnrd-splines": ("TNRD, splines", "tnrd"),
    "tnrd-tied": ("TNRD, tied", "tnrd"),
    "tnrd-rising": ("TNRD, rising", "tnrd"),
    "tnrd-rising-pure": ("TNRD, rising, no reaction", "tnrd"),
    "tnrd-differences": ("TNRD, rising, differences", "tnrd"),
    "tnrd-differences-free": ("TNRD, free, differences", "tnrd"),
    "tnrd-counts": ("TNRD, reaction to counts", "tnrd"),
    "tnrd-poisson": ("TNRD, trained on counts", "tnrd"),
    "bm3d-anscombe": ("BM3D, Anscombe", "tnrd"),
    "sr-lite": ("small RDN", "super_resolution"),
    "bicubic": ("bicubic interpolation", "super_resolution"),
    "cncl": ("CNCL", "cncl_comparison#cncl-and-the-controls"),
    "cncl-30k": ("CNCL, 30 K", "cncl_comparison#cncl-and-the-controls"),
    "cncl-200k": ("CNCL, 200 K", "cncl_comparison#cncl-and-the-controls"),
    "cncl-1m": ("CNCL, 1 M", "cncl_comparison#cncl-and-the-controls"),
    "residual-unet-30k": ("residual U-Net, 30 K", "cncl_comparison#cncl-and-the-controls"),
    "residual-unet-200k": ("residual U-Net, 200 K", "cncl_comparison#cncl-and-the-controls"),
    "residual-unet-1m": ("residual U-Net, 1 M", "cncl_comparison#cncl-and-the-controls"),
    "dncnn-30k": ("DnCNN, 30 K", "cncl_comparison#cncl-and-the-controls"),
    "dncnn-200k": ("DnCNN, 200 K", "cncl_comparison#cncl-and-the-controls"),
}
ENDINGS = {  # of names that differ from another one's in this alone
    "-pixels": ", as many pixels",
    "-seconds": ", as many seconds",
}
COLLECTIONS = {  # by the study's name
    "bsds500/val-500": "random crops of BSDS500",
    "bsd68": "BSD68",
    "set12": "Set12",
    "set5": "Set5",
    "set14": "Set14",
    "ct": "CT",
    "ct-subjects": "CT, further subjects",
    "mri": "MRI",
    "mri-subjects": "MRI, further subjects",
    "cryoem": "cryo-EM",
}
DEGRADATIONS = {  # by the study's name, where a reader's is another
    "gaussian": "Gaussian noise",
    "poisson": "Poisson noise",
    "salt-pepper": "salt and pepper",
    "downsample": "downsampling",
    "blur-downsample": "blur, then every second pixel",
    "block-means": "means of squares",
}


def name(model: str) -> str:
    """What a reader calls a model; its own name where the table has none."""
    return _known(model)[0]


def collection(where: str) -> str:
    """What a reader calls a collection of images; its own name where the table has none."""
    return COLLECTIONS.get(where, where)


def degradation(kind: str) -> str:
    """What a reader calls a degradation."""
    return DEGRADATIONS.get(kind, kind)


def case(of: str) -> str:
    """What a reader calls a case of a claim, which may be a degradation with or without a level."""
    kind, space, level = of.partition(" ")
    return degradation(kind) + space + level


def link(model: str, here: str = "") -> Html:
    """:func:`name` as a link, on a page of ``notebooks/``, to where the model is explained, unless that is ``here``."""
    called, page = _known(model)
    if page in (None, here):
        return Html(html.escape(called))
    page, _, section = page.partition("#")
    address = f"{page}.html" + (f"#{section}" if section else "")
    return Html(f'<a href="{address}">{html.escape(called)}</a>')


def _known(model: str) -> tuple[str, str | None]:
    for ending, text in ENDINGS.items():
        if model.endswith(ending):
            called, _ = _known(model.removesuffix(ending))
            return called + text, "freedoms#at-equal-cost"
    return NAMES.get(model, (model, None))
