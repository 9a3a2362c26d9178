// What the page of results cites is prose: no code, no formula, no record of how a page was made.
if (typeof Search !== "undefined") {
  const whole = Search.htmlToText;
  Search.htmlToText = (markup, anchor) => {
    const page = new DOMParser().parseFromString(markup, "text/html");
    page.querySelectorAll(".cell_input, .math, details.provenance, .toggle, form.filter").forEach((part) => part.remove());
    return whole(page.documentElement.outerHTML, anchor);
  };
}
