// Tables of class "sortable": a click on a head sorts; where a head says data-choose, rows can be picked and searched;
// a click on a command copies it. Without this file they are plain tables.
const key = (row, at) => {
  const cell = row.cells[at];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
};
const before = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => (up ? 1 : -1) * before(key(a, at), key(b, at)));
      table.tBodies[0].append(...rows);
    });
  });
  const chosen = heads.flatMap((head, at) => (head.dataset.choose === undefined ? [] : [at]));
  if (chosen.length) filterable(table, heads, chosen);
}

function filterable(table, heads, chosen) {
  const rows = [...table.tBodies[0].rows];
  const bar = document.createElement("form");
  bar.className = "filter";
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Search" });
  search.setAttribute("aria-label", "Search");
  const choices = chosen.map((at) => {
    const select = document.createElement("select");
    const name = heads[at].textContent;
    select.setAttribute("aria-label", name);
    select.add(new Option(`${name}: all`, ""));
    for (const text of new Set(rows.map((row) => row.cells[at].textContent.trim()))) select.add(new Option(text, text));
    return select;
  });
  const count = document.createElement("output");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden =
        !words.every((word) => text.includes(word)) ||
        chosen.some((at, which) => choices[which].value && row.cells[at].textContent.trim() !== choices[which].value);
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  bar.append(search, ...choices, count);
  bar.addEventListener("input", apply);
  bar.addEventListener("submit", (event) => event.preventDefault());
  (table.closest(".pst-scrollable-table-container") ?? table).before(bar);
  apply();
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach(sortable);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.command");
    if (!button) return;
    await navigator.clipboard.writeText(button.textContent);
    button.classList.add("copied");
    setTimeout(() => button.classList.remove("copied"), 1500);
  });
});
