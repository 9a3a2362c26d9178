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
  load(name) {
    this.fetched[name] ??= new Promise((resolve, reject) => {
      const here = document.querySelector(`script.bundle[data-name="${name}"]`);
      if (!here) return reject(new Error(`the page has no data "${name}"`));
      if (!here.dataset.src) return resolve(JSON.parse(here.textContent));
      this.arrived[name] = resolve;
      const script = Object.assign(document.createElement("script"), { src: here.dataset.src });
      script.addEventListener("error", () => reject(new Error(`${here.dataset.src} could not be read`)));
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
