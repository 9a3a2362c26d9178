"""The engine that runs models in a page, onnxruntime-web, as a script beside the others, fetched when it is needed.

It is carried along (``book/onnxruntime-web``): its package is nine times as large as the two files that a page needs.
The script hands them to ``restore.js`` as the data "onnxruntime": a page that was opened from a disk may read no other.
"""

import base64
import json
from pathlib import Path

CARRIED = Path(__file__).parents[1] / "onnxruntime-web"


def script() -> str:
    """The engine as the data "onnxruntime": its script, and its WebAssembly, which is packed."""
    engine = {
        "script": (CARRIED / "ort.wasm.bundle.min.mjs").read_text("utf-8"),
        "wasm": base64.b64encode(
            (CARRIED / "ort-wasm-simd-threaded.wasm.gz").read_bytes()
        ).decode(),
    }
    return f'anisodiff.bundle("onnxruntime", {json.dumps(engine)});\n'


def write(app):
    """Write it into the output's _static: each script of the source's is added to each page."""
    if app.builder.format == "html":
        folder = Path(app.outdir) / "_static"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "onnxruntime.js").write_text(script(), "utf-8")


def setup(app):
    app.connect("builder-inited", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
