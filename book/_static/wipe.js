// Two methods on one photograph, one on each side of a line that can be moved, and below them one spot of both enlarged.
// <div class="wipe" data-photographs data-levels data-methods data-start> (JSON) holds a figure for who has no scripts.
// The pictures are the bundles "wipe-PHOTOGRAPH-LEVEL": {method: {src, psnr}}.
const STEP = 1 / 64; // of the arrow keys, as a share of the picture


function wipe(box) {
  const [photographs, levels, methods, start] = ["photographs", "levels", "methods", "start"].map((key) => JSON.parse(box.dataset[key]));
  const photograph = choice("Photograph", photographs.map((name) => [name, name]), start.photograph);
  const level = choice("σ", levels.map((value) => [String(value), value]), String(start.level));
  const sides = ["left", "right"].map((side) => choice(side === "left" ? "Left" : "Right", Object.entries(methods), start[side]));
  const pictures = sides.map(() => element("img", { alt: "", className: "dark-light", draggable: false }));
  const bar = element("input", { type: "range", min: 0, max: 100, value: 50, className: "line" });
  bar.setAttribute("aria-label", "How much of the left picture is shown, in percent");
  const stage = element("div", { className: "stage" }, ...pictures, bar);
  const spots = sides.map(() => element("div", { className: "spot", tabIndex: 0 }));
  spots.forEach((spot, at) => {
    spot.setAttribute("role", "img");
    spot.dataset.side = at ? "right" : "left";
  });
  const captions = sides.map(() => element("output"));
  const columns = spots.map((spot, at) => element("div", {}, spot, captions[at]));
  const focus = { x: 0.5, y: 0.5 };

  const place = () => {
    stage.style.setProperty("--at", `${bar.value}%`);
    for (const spot of spots) spot.style.backgroundPosition = `${100 * focus.x}% ${100 * focus.y}%`;
  };
  const move = (x, y) => {
    focus.x = Math.min(1, Math.max(0, x));
    focus.y = Math.min(1, Math.max(0, y));
    place();
  };
  let asked = 0;
  async function draw() {
    const mine = ++asked;
    const name = `wipe-${photograph.select.value}-${level.select.value}`;
    let found;
    try {
      found = await window.anisodiff.load(name);
    } catch (error) {
      captions[0].textContent = `Not shown: ${error.message}.`;
      return;
    }
    if (mine !== asked) return; // somebody has chosen anew
    sides.forEach(({ select }, at) => {
      for (const option of select.options) option.disabled = !found[option.value];
      if (!found[select.value]) select.value = "input";
      const { src, psnr } = found[select.value];
      const label = select.selectedOptions[0].text;
      pictures[at].src = src;
      pictures[at].alt = `${photograph.select.value}, ${label}`;
      spots[at].style.backgroundImage = `url("${src}")`;
      spots[at].setAttribute("aria-label", `${label}, enlarged; arrow keys move the spot`);
      captions[at].textContent = psnr === undefined ? label : `${label}: ${psnr.toFixed(2)} dB`;
    });
    place();
  }

  bar.addEventListener("input", place);
  stage.addEventListener("pointermove", (event) => {
    const { left, top, width, height } = stage.getBoundingClientRect();
    move((event.clientX - left) / width, (event.clientY - top) / height);
  });
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  for (const spot of spots)
    spot.addEventListener("keydown", (event) => {
      const step = steps[event.key];
      if (!step) return;
      event.preventDefault();
      move(focus.x + step[0] * STEP, focus.y + step[1] * STEP);
    });
  for (const { select } of [photograph, level, ...sides]) select.addEventListener("change", draw);

  const controls = element("form", { className: "controls" }, photograph.field, level.field, ...sides.map((side) => side.field));
  controls.addEventListener("submit", (event) => event.preventDefault());
  box.replaceChildren(controls, stage, element("div", { className: "spots" }, ...columns));
  draw();
}

widgets("div.wipe", wipe);
