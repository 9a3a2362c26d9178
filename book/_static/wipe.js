// Any two methods on one photograph, side by side.
// <div class="wipe" data-photographs data-levels data-methods data-start> (JSON) holds a text for who has no scripts.
// The pictures are the bundles "wipe-PHOTOGRAPH-LEVEL": {method: {src, psnr}}.
function wipe(box) {
  const [photographs, levels, methods, start] = ["photographs", "levels", "methods", "start"].map((key) => JSON.parse(box.dataset[key]));
  const photograph = choice("Photograph", photographs.map((name) => [name, name]), start.photograph);
  const level = choice("σ", levels.map((value) => [String(value), value]), String(start.level));
  const sides = ["left", "right"].map((side) => choice(side === "left" ? "Left" : "Right", Object.entries(methods), start[side]));
  const { parts, captions, show } = sideBySide();

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
    sides.forEach(({ select }, side) => {
      for (const option of select.options) option.disabled = !found[option.value];
      if (!found[select.value]) select.value = "input";
      const { src, psnr } = found[select.value];
      show(side, src, photograph.select.value, select.selectedOptions[0].text, psnr === undefined ? "" : `${psnr.toFixed(2)} dB`);
    });
  }
  for (const { select } of [photograph, level, ...sides]) select.addEventListener("change", draw);

  const controls = element("form", { className: "controls" }, photograph.field, level.field, ...sides.map((side) => side.field));
  controls.addEventListener("submit", (event) => event.preventDefault());
  box.replaceChildren(controls, ...parts);
  draw();
}

widgets("div.wipe", wipe);
