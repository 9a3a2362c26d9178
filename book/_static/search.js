// What the page of results cites is prose: no code, no formula, no button, no record of how a page was made.
document.addEventListener("DOMContentLoaded", () => {
  const whole = Search.htmlToText;
  const noise = ".cell_input, .math, details.provenance, .bd-header-article, #jb-print-docs-body, footer, button, summary";
  Search.htmlToText = (markup, anchor) => {
    const page = new DOMParser().parseFromString(markup, "text/html");
    page.querySelectorAll(noise).forEach((part) => part.remove());
    page.querySelectorAll("td, th, p, li, figcaption").forEach((part) => part.append(" "));
    return whole(page.documentElement.outerHTML, anchor);
  };
});
