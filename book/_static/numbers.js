// Numbers that know where they come from (bound_numbers.py) say it to the pointer, to a finger and to the keyboard: a
// tooltip of their own instead of the browser's. A paragraph, a list or a table is one stop of the Tab key, the arrow
// keys go from number to number within it, Escape closes. Without this file the browser's tooltip is there.
document.addEventListener("DOMContentLoaded", () => {
  const blocks = new Map();
  for (const number of document.querySelectorAll("abbr.number[title]")) {
    number.dataset.source = number.title;
    number.removeAttribute("title");
    number.setAttribute("role", "button");
    const block = number.closest("table, ul, ol") ?? number.closest("p, dd, figcaption") ?? document.body;
    if (!blocks.has(block)) blocks.set(block, []);
    blocks.get(block).push(number);
    number.tabIndex = blocks.get(block).length === 1 ? 0 : -1;
  }
  if (!blocks.size) return;

  const tip = Object.assign(document.createElement("div"), { id: "number-tip", className: "number-tip", hidden: true });
  tip.setAttribute("role", "tooltip");
  document.body.append(tip);
  const all = [...blocks.values()];
  let shown = null;
  let leaving = 0;

  function hide() {
    shown?.removeAttribute("aria-describedby");
    shown = null;
    tip.hidden = true;
  }

  function show(number) {
    clearTimeout(leaving);
    if (shown === number) return;
    hide();
    shown = number;
    const block = all.find((numbers) => numbers.includes(number));
    const place = `${block.indexOf(number) + 1} of ${block.length}, arrow keys for the others`;
    tip.textContent = number.dataset.source;
    if (block.length > 1 && number.matches(":focus-visible")) {
      tip.append(Object.assign(document.createElement("small"), { textContent: place }));
    }
    tip.hidden = false;
    number.setAttribute("aria-describedby", tip.id);
    const at = number.getBoundingClientRect();
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(at.left, room)) + scrollX}px`;
    tip.style.top = `${at.bottom + 4 + scrollY}px`;
  }

  function step(number, by) {
    const block = all.find((numbers) => numbers.includes(number));
    const next = block[(block.indexOf(number) + by + block.length) % block.length];
    number.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }

  const number = (event) => event.target.closest?.("abbr.number[data-source]");
  const leave = () => {
    leaving = setTimeout(hide, 200); // time to go from the number to its tooltip
  };
  document.addEventListener("click", (event) => (number(event) ? show(number(event)) : tip.contains(event.target) || hide()));
  document.addEventListener("focusin", (event) => (number(event) ? show(number(event)) : hide()));
  document.addEventListener("mouseover", (event) => {
    if (number(event)) show(number(event));
    else if (tip.contains(event.target)) clearTimeout(leaving);
  });
  document.addEventListener("mouseout", (event) => (number(event) || tip.contains(event.target)) && leave());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    if (!number(event)) return;
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (by) step(number(event), by);
    else show(number(event));
  });
});
