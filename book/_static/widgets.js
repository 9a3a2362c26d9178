// What the widgets of a page share.
//
// Data that a page hands to its scripts, by name: in the page itself, or in a file of its own that is fetched when
// somebody asks for it. The file is a script, since a page that was opened from a disk may read no other.
window.anisodiff = {
  arrived: {},
  bundle(name, content) {
    this.arrived[name](content);
  },
  fetched: {},
  // From the page's own script of that name or, if an address is given, from there.
  load(name, address) {
    this.fetched[name] ??= new Promise((resolve, reject) => {
      const here = document.querySelector(`script.bundle[data-name="${name}"]`);
      if (!here && !address) return reject(new Error(`the page has no data "${name}"`));
      const src = address ?? here.dataset.src;
      if (!src) return resolve(JSON.parse(here.textContent));
      this.arrived[name] = resolve;
      const script = Object.assign(document.createElement("script"), { src });
      script.addEventListener("error", () => reject(new Error(`${src} could not be read`)));
      document.head.append(script);
    });
    return this.fetched[name];
  },
};

const element = (tag, properties = {}, ...children) => {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
};

// A control with its label beside it.
let controls = 0;
function labelled(label, control) {
  control.id = `control-${++controls}`;
  return element("span", {}, element("label", { htmlFor: control.id }, label), " ", control);
}

function choice(label, options, value) {
  const select = element("select");
  for (const [name, text] of options) select.add(new Option(text, name, false, name === value));
  return { select, field: labelled(label, select) };
}

// Two pictures with a line between them that can be moved, and below them one spot of both, enlarged. show(side, picture,
// of what, its name, what else is said of it) sets one of them: side 0 is left, 1 is right.
const SHIFT = 1 / 64; // of the arrow keys, as a share of the picture
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
function sideBySide() {
  const pictures = [0, 1].map(() => element("img", { alt: "", className: "dark-light", draggable: false }));
  const bar = element("input", { type: "range", min: 0, max: 100, value: 50, className: "line" });
  bar.setAttribute("aria-label", "How much of the left picture is shown, in percent");
  const stage = element("div", { className: "stage" }, ...pictures, bar);
  const spots = ["left", "right"].map((side) => {
    const spot = element("div", { className: "spot", tabIndex: 0 });
    spot.setAttribute("role", "img");
    spot.dataset.side = side;
    return spot;
  });
  const captions = spots.map(() => element("output"));
  const columns = spots.map((spot, side) => element("div", {}, spot, captions[side]));
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
  const show = (side, src, of, name, more = "") => {
    pictures[side].src = src;
    pictures[side].alt = `${of}, ${name}`;
    spots[side].style.backgroundImage = `url("${src}")`;
    spots[side].setAttribute("aria-label", `${name}, enlarged; arrow keys move the spot`);
    captions[side].textContent = more ? `${name}: ${more}` : name;
    place();
  };
  bar.addEventListener("input", place);
  stage.addEventListener("pointermove", (event) => {
    const { left, top, width, height } = stage.getBoundingClientRect();
    move((event.clientX - left) / width, (event.clientY - top) / height);
  });
  for (const spot of spots)
    spot.addEventListener("keydown", (event) => {
      const step = ARROWS[event.key];
      if (!step) return;
      event.preventDefault();
      move(focus.x + step[0] * SHIFT, focus.y + step[1] * SHIFT);
    });
  place();
  return { parts: [stage, element("div", { className: "spots" }, ...columns)], captions, show };
}

// A widget begins when it comes into sight, so that nothing is fetched before.
function widgets(selector, begin) {
  document.addEventListener("DOMContentLoaded", () => {
    const seen = new IntersectionObserver(
      (entries) => {
        for (const { isIntersecting, target } of entries) {
          if (!isIntersecting) continue;
          seen.unobserve(target);
          begin(target);
        }
      },
      { rootMargin: "200px" },
    );
    for (const box of document.querySelectorAll(selector)) seen.observe(box);
  });
}
