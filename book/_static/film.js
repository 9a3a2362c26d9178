// A diffusion that runs under a slider: the image, its diffusivity map, and the PSNR so far with a dot where one is.
// <div class="film" data-films> (JSON: [[what changes, [[its value, bundle], ...], the first shown], ...]) holds a text
// for who has no scripts; data-maps is what the maps show. A bundle is [{step, psnr, range, image, g}], without g where
// there is none.
// A pixel that is pointed at, or reached with the arrow keys, says its numbers.
const SVG = "http://www.w3.org/2000/svg";
const still = matchMedia("(prefers-reduced-motion: reduce)");

function drawn(tag, attributes, text = "") {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.textContent = text;
  return made;
}

const signed = (value) => String(value).replace("-", "−");

// The PSNR over the steps; at(frame) moves the dot.
function curve(frames) {
  const [width, height, left, bottom] = [420, 140, 70, 26];
  const steps = frames.map(({ step }) => step);
  const values = frames.map(({ psnr }) => psnr);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = (step) => left + ((width - left - 12) * step) / steps.at(-1);
  const y = (value) => 10 + ((height - bottom - 20) * (high - value)) / (high - low || 1);
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  const line = drawn("polyline", { points: frames.map(({ step, psnr }) => `${x(step)},${y(psnr)}`).join(" ") });
  const dot = drawn("circle", { r: 6 });
  const texts = [high, low].map((value) => drawn("text", { x: left - 10, y: y(value) + 5, "text-anchor": "end" }, `${value.toFixed(1)} dB`));
  const ends = [0, steps.at(-1)].map((step) => drawn("text", { x: x(step), y: height - 4, "text-anchor": step ? "end" : "start" }, `step ${step}`));
  picture.append(line, dot, ...texts, ...ends);
  const at = ({ step, psnr }) => {
    dot.setAttribute("cx", x(step));
    dot.setAttribute("cy", y(psnr));
  };
  return { picture, at };
}

// The gray values of an image, (x, y) => 0..255.
async function grays(source) {
  const image = element("img", { src: source });
  await image.decode();
  const canvas = element("canvas", { width: image.naturalWidth, height: image.naturalHeight });
  const context = canvas.getContext("2d");
  context.drawImage(image, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
  const value = (x, y) => data[4 * (Math.min(height - 1, y) * width + Math.min(width - 1, x))];
  return { value, width, height };
}

function film(box) {
  const [films, maps] = ["films", "maps"].map((key) => JSON.parse(box.dataset[key]));
  const what = choice("Change", films.map(([name]) => [name, name]), films[0][0]);
  const value = element("input", { type: "range", min: 0 });
  const step = element("input", { type: "range", min: 0, value: 0 });
  const [valueSaid, stepSaid, pixelSaid] = [element("output"), element("output"), element("output", { className: "pixel" })];
  const pictures = ["the image", `its ${maps}, from 0, black, to 1, white`].map((name) => element("img", { className: "dark-light", alt: name, draggable: false }));
  const captions = [["the image"], [`its ${maps}: 0 `, element("span", { className: "bar" }), " 1"]];
  const figures = pictures.map((picture, at) => element("figure", {}, picture, element("figcaption", {}, ...captions[at])));
  const graph = element("div", { className: "curve" });
  const play = element("button", { type: "button" }, "Play");
  const point = { x: 0, y: 0 };
  let frames = [];
  let plotted;
  let running;
  let asked = 0;

  const chosen = () => films.find(([name]) => name === what.select.value);
  const stop = () => {
    clearInterval(running);
    running = undefined;
    play.textContent = "Play";
  };
  async function say() {
    const frame = frames[step.value];
    const following = frames[Number(step.value) + 1];
    const [now, next, g] = await Promise.all([frame.image, following?.image, frame.g].map((source) => source && grays(source)));
    if (frame !== frames[step.value]) return; // another one is shown by now
    point.x = Math.min(now.width - 1, Math.max(0, point.x));
    point.y = Math.min(now.height - 1, Math.max(0, point.y));
    const { x, y } = point;
    const gray = now.value(x, y);
    const gradient = Math.hypot(now.value(x + 1, y) - gray, now.value(x, y + 1) - gray);
    const parts = [`row ${y}, column ${x}: gray ${gray}`, `gradient ${gradient.toFixed(0)}`];
    if (g) parts.push(`${maps} ${(g.value(x, y) / 255).toFixed(2)}`);
    if (next) {
      const count = following.step - frame.step;
      parts.push(`changes by ${signed(next.value(x, y) - gray)} in the next ${count === 1 ? "step" : `${count} steps`}`);
    }
    pixelSaid.textContent = parts.join(", ");
  }
  function show() {
    const frame = frames[step.value];
    pictures[0].src = frame.image;
    figures[1].hidden = !frame.g;
    if (frame.g) pictures[1].src = frame.g;
    plotted.at(frame);
    stepSaid.textContent = `${frame.step}: ${frame.psnr.toFixed(2)} dB, gray from ${frame.range.map(signed).join(" to ")}`;
    step.setAttribute("aria-valuetext", `step ${stepSaid.textContent}`);
    if (pixelSaid.textContent) say();
  }
  async function fetched() {
    const mine = ++asked;
    const [said, name] = chosen()[1][value.value];
    valueSaid.textContent = said;
    value.setAttribute("aria-valuetext", said);
    try {
      const found = await window.anisodiff.load(name);
      if (mine !== asked) return; // somebody has chosen anew
      const at = frames[step.value]?.step ?? found[0].step;
      frames = found;
      step.max = frames.length - 1;
      step.value = Math.max(0, frames.findLastIndex((frame) => frame.step <= at));
      plotted = curve(frames);
      graph.replaceChildren(plotted.picture);
      show();
    } catch (error) {
      stepSaid.textContent = `Not shown: ${error.message}.`;
    }
  }
  function another() {
    const [, values, first] = chosen();
    value.max = values.length - 1;
    value.value = first;
    fetched();
  }

  play.addEventListener("click", () => {
    if (running) return stop();
    if (Number(step.value) === frames.length - 1) step.value = 0;
    play.textContent = "Stop";
    running = setInterval(() => {
      step.value = Number(step.value) + 1;
      show();
      if (Number(step.value) === frames.length - 1) stop();
    }, 250);
  });
  play.hidden = still.matches;
  step.addEventListener("input", () => {
    stop();
    show();
  });
  value.addEventListener("input", fetched);
  what.select.addEventListener("change", another);
  for (const picture of pictures) {
    picture.tabIndex = 0;
    picture.addEventListener("pointermove", (event) => {
      const { left, top, width } = picture.getBoundingClientRect();
      const scale = picture.naturalWidth / width;
      point.x = Math.floor((event.clientX - left) * scale);
      point.y = Math.floor((event.clientY - top) * scale);
      say();
    });
    picture.addEventListener("keydown", (event) => {
      const by = ARROWS[event.key];
      if (!by) return;
      event.preventDefault();
      point.x += by[0];
      point.y += by[1];
      say();
    });
  }

  const form = element("form", { className: "controls" });
  if (films.length > 1) form.append(what.field);
  if (films.some(([, values]) => values.length > 1)) form.append(element("span", {}, labelled("Value", value), " ", valueSaid));
  form.append(element("span", {}, labelled("Step", step), " ", stepSaid), play);
  form.addEventListener("submit", (event) => event.preventDefault());
  box.replaceChildren(form, element("div", { className: "frames" }, ...figures), pixelSaid, graph);
  another();
}

widgets("div.film", film);
