// A picture of the reader's own, restored in the page by a model of the study. Nothing leaves the browser.
// <div class="restore" data-models data-levels data-samples data-start> (JSON) holds a text for who has no scripts. It
// takes the bundles "sample-NAME", {src}, and "model-NAME-LEVEL", {onnx, times, reach, atOnce}; the engine, onnxruntime-web, is
// the script onnxruntime.js beside this one. When a picture is restored, the box gets the event "restored", whose
// detail is {width, height, channels, milliseconds}, the values before they are rounded.
const ENGINE = new URL("onnxruntime.js", document.currentScript.src).href;
const KEPT = 2 ** 18; // pixels: of a larger picture the last step alone is kept
const MOST = 2 ** 22; // pixels: a larger picture is made smaller

// What the worker does; it sees nothing of what is around it.
function work() {
  let ort;
  let model = {};

  async function begin({ script, wasm }) {
    const bytes = Uint8Array.from(atob(wasm), (character) => character.charCodeAt(0));
    const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    ort = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })));
    ort.env.wasm.wasmBinary = await new Response(unpacked).arrayBuffer();
    ort.env.wasm.numThreads = 1;
  }

  // Standard normal numbers, the same ones each time.
  function normal(seed) {
    let state = seed;
    const uniform = () => {
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    };
    return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  // The channels of a picture; one, if it is gray.
  function separated(rgba) {
    const at = (channel) => Float32Array.from({ length: rgba.length / 4 }, (_, pixel) => rgba[4 * pixel + channel]);
    const [red, green, blue] = [0, 1, 2].map(at);
    const gray = red.every((value, pixel) => value === green[pixel] && value === blue[pixel]);
    return gray ? [red] : [red, green, blue];
  }
  function joined(channels) {
    const rgba = new Uint8ClampedArray(4 * channels[0].length).fill(255);
    for (let channel = 0; channel < 3; channel++) {
      const values = channels[channel % channels.length];
      for (let pixel = 0; pixel < values.length; pixel++) rgba[4 * pixel + channel] = values[pixel];
    }
    return rgba;
  }
  const clipped = (value) => Math.min(255, Math.max(0, value));
  function psnr(channels, clean) {
    let sum = 0;
    channels.forEach((values, channel) => values.forEach((value, pixel) => (sum += (clipped(value) - clean[channel][pixel]) ** 2)));
    return 10 * Math.log10(255 ** 2 / (sum / (channels.length * channels[0].length)));
  }

  // Parts of an axis: [from, to, from and to of what the model must see for that].
  function parts(length, reach, atOnce) {
    if (reach === null || length <= atOnce) return [[0, length, 0, length]];
    const core = atOnce - 2 * reach;
    const count = Math.ceil(length / core);
    return Array.from({ length: count }, (_, part) => {
      const [from, to] = [part * core, Math.min(length, (part + 1) * core)];
      return [from, to, Math.max(0, from - reach), Math.min(length, to + reach)];
    });
  }

  // The next states of a diffusion, or the last of them, lists of channels: tile by tile, which see as far beyond as
  // these steps do.
  async function advance(channels, width, height, all, told) {
    const { session, reach, atOnce } = model;
    const states = [];
    const tiles = parts(height, reach, atOnce).flatMap((rows) => parts(width, reach, atOnce).map((columns) => [rows, columns]));
    let done = 0;
    for (const [channel, values] of channels.entries())
      for (const [[top, bottom, firstRow, endRow], [left, right, firstColumn, endColumn]] of tiles) {
        const [rows, columns] = [endRow - firstRow, endColumn - firstColumn];
        const f = new Float32Array(rows * columns);
        for (let row = 0; row < rows; row++) {
          const from = (firstRow + row) * width;
          f.set(values.subarray(from + firstColumn, from + endColumn), row * columns);
        }
        const { u } = await session.run({ f: new ort.Tensor("float32", f, [1, 1, rows, columns]) });
        const first = all ? 0 : u.dims[1] - 1;
        for (let step = first; step < u.dims[1]; step++) {
          const state = (states[step - first] ??= channels.map(() => new Float32Array(width * height)));
          for (let row = top; row < bottom; row++) {
            const from = (step * rows + row - firstRow) * columns - firstColumn;
            state[channel].set(u.data.subarray(from + left, from + right), row * width + left);
          }
        }
        told(++done / (channels.length * tiles.length));
      }
    return states;
  }

  onmessage = async ({ data }) => {
    try {
      if (data.engine) await begin(data.engine);
      if (data.model) {
        const file = Uint8Array.from(atob(data.model.onnx), (character) => character.charCodeAt(0));
        model = { ...data.model, session: await ort.InferenceSession.create(file) };
      }
      const { rgba, width, height, sigma, all } = data;
      const clean = separated(rgba);
      const random = normal(1);
      const input = sigma ? clean.map((values) => values.map((value) => value + sigma * random())) : clean;
      const start = performance.now();
      let states = [];
      for (let time = 0; time < model.times; time++) {
        const next = await advance(states.at(-1) ?? input, width, height, all, (share) => postMessage({ share: (time + share) / model.times }));
        states = all ? [...states, ...next] : next;
      }
      const milliseconds = performance.now() - start;
      const last = states.at(-1);
      const shown = [input, ...states].map((channels) => ({ rgba: joined(channels), psnr: sigma ? psnr(channels, clean) : undefined }));
      const given = [...shown.map((state) => state.rgba.buffer), ...last.map((values) => values.buffer)];
      postMessage({ shown, channels: last, width, height, milliseconds }, given);
    } catch (error) {
      postMessage({ error: error.message ?? String(error) });
    }
  };
}

// The picture of an address or a file, made smaller where it has too many pixels: {rgba, width, height, whole}.
async function picture(source) {
  const image = element("img", { src: source });
  await image.decode();
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const scale = Math.min(1, Math.sqrt(MOST / (width * height)));
  const canvas = element("canvas", { width: Math.round(scale * width), height: Math.round(scale * height) });
  const context = canvas.getContext("2d");
  context.fillStyle = "white"; // where it is transparent
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { rgba: data, width: canvas.width, height: canvas.height, whole: scale === 1 };
}

// An address of pixels, as PNG.
async function address({ rgba }, width, height) {
  const canvas = element("canvas", { width, height });
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  return URL.createObjectURL(await new Promise((resolve) => canvas.toBlob(resolve)));
}

function restore(box) {
  const [models, levels, samples, start] = ["models", "levels", "samples", "start"].map((key) => JSON.parse(box.dataset[key]));
  const OWN = "(your own)";
  const sample = choice("Picture", [...samples, OWN].map((name) => [name, name]), start.sample);
  const file = element("input", { type: "file", accept: "image/*" });
  const model = choice("Model", Object.entries(models), start.model);
  const level = choice("σ", [], "");
  const noise = choice("Noise", [["add", "add it"], ["keep", "take the picture as it is"]], "add");
  const go = element("button", { type: "submit" }, "Restore");
  const stop = element("button", { type: "button", hidden: true }, "Stop");
  const progress = element("progress", { max: 1, value: 0, hidden: true });
  progress.setAttribute("aria-label", "How much is done");
  const said = element("output", { className: "report" });
  const step = element("input", { type: "range", min: 0 });
  const stepSaid = element("output");
  const steps = element("div", { className: "controls", hidden: true }, element("span", {}, labelled("Step", step), " ", stepSaid));
  const save = element("a", { hidden: true }, "Download the restored picture");
  const { parts, show } = sideBySide();
  const [stage] = parts;

  let worker; // which has the model `loaded`
  let loaded;
  let own; // {src, name}
  let result;
  let written = [undefined, undefined]; // the addresses of the pictures that are shown

  const allowed = (value) => {
    level.select.replaceChildren(...levels[model.select.value].map((at) => new Option(at)));
    level.select.value = levels[model.select.value].map(String).includes(value) ? value : String(levels[model.select.value][0]);
  };
  const name = () => (sample.select.value === OWN ? own.name : sample.select.value);
  const source = async () => (sample.select.value === OWN ? own.src : (await window.anisodiff.load(`sample-${sample.select.value}`)).src);
  const sized = (width, height) => {
    stage.style.aspectRatio = `${width} / ${height}`;
  };

  // The picture as it is, on both sides.
  async function begin() {
    result = undefined;
    steps.hidden = save.hidden = true;
    if (sample.select.value === OWN && !own) {
      said.textContent = "";
      return file.click();
    }
    try {
      const src = await source();
      const { width, height, whole } = await picture(src);
      sized(width, height);
      for (const side of [0, 1]) show(side, src, name(), "as it is");
      said.textContent = `${width} × ${height} pixels${whole ? "" : ", made smaller"}.`;
    } catch (error) {
      said.textContent = `Not shown: ${error.message}.`;
    }
  }
  async function put(side, state, label) {
    const before = written[side];
    written[side] = await address(state, result.width, result.height);
    show(side, written[side], name(), label, state.psnr === undefined ? "" : `${state.psnr.toFixed(2)} dB`);
    if (before) URL.revokeObjectURL(before);
  }
  async function at() {
    const { shown, label } = result;
    const number = Number(step.value);
    stepSaid.textContent = `${number} of ${shown.length - 1}`;
    await put(1, shown[number], number === shown.length - 1 ? label : `step ${number}`);
  }
  function finish(text) {
    said.textContent = text;
    progress.hidden = stop.hidden = true;
    go.disabled = false;
  }
  function halt() {
    worker?.terminate();
    worker = loaded = undefined;
  }
  function started() {
    const code = new Blob([`(${work})()`], { type: "text/javascript" });
    const made = new Worker(URL.createObjectURL(code));
    made.addEventListener("message", arrived);
    return made;
  }
  async function arrived({ data }) {
    if (data.share !== undefined) {
      progress.value = data.share;
      said.textContent = `${Math.round(100 * data.share)} % done`;
      return;
    }
    if (data.error) {
      halt();
      return finish(`Not restored: ${data.error}.`);
    }
    const { shown, width, height, milliseconds } = data;
    result = { shown, width, height, label: model.select.selectedOptions[0].text };
    sized(width, height);
    step.max = step.value = shown.length - 1;
    steps.hidden = shown.length === 2;
    await put(0, shown[0], shown[0].psnr === undefined ? "as it is" : "noisy");
    await at();
    save.href = written[1];
    save.download = `${name().replace(/\.\w+$/, "")}-${model.select.value}-${level.select.value}.png`;
    save.hidden = false;
    const gain = shown[0].psnr === undefined ? "" : `; PSNR ${shown[0].psnr.toFixed(2)} dB before, ${shown.at(-1).psnr.toFixed(2)} dB after`;
    finish(`Restored in ${(milliseconds / 1000).toFixed(2)} s${gain}.`);
    box.dispatchEvent(new CustomEvent("restored", { detail: data }));
  }
  async function run() {
    go.disabled = true;
    progress.hidden = stop.hidden = false;
    progress.value = 0;
    try {
      const wanted = `model-${model.select.value}-${level.select.value}`;
      const message = {};
      const { rgba, width, height } = await picture(await source());
      if (!worker) {
        said.textContent = "The engine is fetched, once (4 MB) …";
        message.engine = await window.anisodiff.load("onnxruntime", ENGINE);
      }
      if (loaded !== wanted) message.model = await window.anisodiff.load(wanted);
      said.textContent = "The model is made ready …";
      worker ??= started();
      loaded = wanted;
      const sigma = noise.select.value === "add" ? Number(level.select.value) : 0;
      worker.postMessage({ ...message, rgba, width, height, sigma, all: width * height <= KEPT });
    } catch (error) {
      finish(`Not restored: ${error.message}.`);
    }
  }
  function take(chosen) {
    if (!chosen) return;
    if (own) URL.revokeObjectURL(own.src);
    own = { src: URL.createObjectURL(chosen), name: chosen.name };
    sample.select.value = OWN;
    picture(own.src).then(begin, () => {
      own = undefined;
      sample.select.value = start.sample;
      begin().then(() => (said.textContent = `${chosen.name} holds no picture that this browser can read.`));
    });
  }

  model.select.addEventListener("change", () => allowed(level.select.value));
  sample.select.addEventListener("change", begin);
  file.addEventListener("change", () => take(file.files[0]));
  step.addEventListener("input", at);
  stop.addEventListener("click", () => {
    halt();
    finish("Stopped.");
  });
  box.addEventListener("dragover", (event) => event.preventDefault());
  box.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });

  const form = element("form", { className: "controls" }, sample.field, labelled("or a file", file), model.field, level.field, noise.field, go, stop);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  box.replaceChildren(form, progress, said, ...parts, steps, save);
  allowed(String(start.level));
  begin();
}

widgets("div.restore", restore);
