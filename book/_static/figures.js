// Figures: enlarged in a dialog, the code that made them opened, sideways scrolling by keyboard.
addEventListener("DOMContentLoaded", () => {
  const dialog = document.createElement("dialog");
  dialog.className = "enlarged";
  dialog.innerHTML = '<form method="dialog"><button>Close</button></form><div tabindex="0"></div>';
  document.body.append(dialog);

  function enlarge(figure) {
    const large = [...figure.querySelectorAll("img.figure")]
      .filter((one) => one.offsetParent)
      .map((one) => Object.assign(new Image(), { src: one.src, alt: one.alt, className: one.matches(".over") ? "over" : "" }));
    if (!large.length) return;
    dialog.setAttribute("aria-label", figure.querySelector(".caption-number")?.textContent.trim());
    dialog.querySelector("div").replaceChildren(...large);
    dialog.showModal();
  }

  function button(text, does) {
    const one = document.createElement("button");
    one.type = "button";
    one.textContent = text;
    one.addEventListener("click", does);
    return one;
  }

  for (const figure of document.querySelectorAll("figure.shown:has(.drawn)")) {
    const links = figure.querySelector(".links");
    const box = figure.querySelector(".drawn");
    links.prepend(button("enlarge", () => enlarge(figure)));
    box.addEventListener("click", () => enlarge(figure));
    const code = figure.closest(".cell")?.querySelector("details.above-input");
    if (code)
      links.append(
        button("code", () => {
          code.open = true;
          code.scrollIntoView();
          code.querySelector("summary").focus();
        }),
      );
    new ResizeObserver(() => {
      const wide = box.scrollWidth > box.clientWidth;
      box.classList.toggle("wide", wide);
      if (wide) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }).observe(box);
  }
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
});
