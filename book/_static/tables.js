// Tables of class "sortable": a click on a head sorts, the better values first; where a head says data-choose, rows can
// be picked and searched; columns of class "more" are hidden until they are asked for. Buttons of class "copy" copy.
// Without this file they are plain tables.
const key = (row, at) => {
  const cell = row.cells[at];
  return cell.dataset.value === undefined ? cell.textContent.trim() : Number(cell.dataset.value);
};
// What a row can be picked by: of a verdict the word, without what is said beside it.
const word = (cell) => (cell.querySelector(".verdict") ?? cell).textContent.trim();
const before = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true }));

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, at) => {
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    const first = head.dataset.better === "1" ? "descending" : "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    button.addEventListener("click", () => {
      const order = head.ariaSort === first ? other : first;
      heads.forEach((one) => one.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", order);
      const rows = [...table.tBodies[0].rows];
      rows.sort((a, b) => (order === "ascending" ? 1 : -1) * before(key(a, at), key(b, at)));
      table.tBodies[0].append(...rows);
    });
  });
  const bar = document.createElement("form");
  bar.className = "filter";
  bar.addEventListener("submit", (event) => event.preventDefault());
  const chosen = heads.flatMap((head, at) => (head.dataset.choose === undefined ? [] : [at]));
  if (chosen.length) filterable(bar, table, heads, chosen);
  if (table.querySelector(".more")) foldable(bar, table);
  if (bar.children.length) (table.closest(".pst-scrollable-table-container") ?? table).before(bar);
}

function filterable(bar, table, heads, chosen) {
  const rows = [...table.tBodies[0].rows];
  const search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Search" });
  search.setAttribute("aria-label", "Search");
  const choices = chosen.map((at) => {
    const select = document.createElement("select");
    const name = heads[at].textContent;
    select.setAttribute("aria-label", name);
    select.add(new Option(`${name}: all`, ""));
    for (const text of new Set(rows.map((row) => word(row.cells[at])))) select.add(new Option(text, text));
    return select;
  });
  const count = document.createElement("output");
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden =
        !words.every((word) => text.includes(word)) ||
        chosen.some((at, which) => choices[which].value && word(row.cells[at]) !== choices[which].value);
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length}`;
  };
  bar.append(search, ...choices, count);
  bar.addEventListener("input", apply);
  apply();
}

function foldable(bar, table) {
  const button = Object.assign(document.createElement("button"), { type: "button", className: "columns" });
  const fold = (hidden) => {
    table.classList.toggle("few", hidden);
    button.setAttribute("aria-expanded", String(!hidden));
    button.textContent = hidden ? "More columns" : "Fewer columns";
  };
  button.addEventListener("click", () => fold(!table.classList.contains("few")));
  bar.append(button);
  fold(true);
}

// Browsers refuse the clipboard where a page is not trusted or has no focus; then a selection is copied, the old way.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = Object.assign(document.createElement("textarea"), { value: text });
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    focused?.focus();
    return done;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("table.sortable").forEach(sortable);
  if (!document.querySelector("button.copy")) return;
  const said = Object.assign(document.createElement("div"), { className: "said" });
  said.setAttribute("role", "status");
  document.body.append(said);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const done = await copied(button.dataset.copy);
    said.textContent = button.textContent = done ? "Copied" : "Not copied";
    setTimeout(() => {
      button.textContent = "Copy";
      said.textContent = "";
    }, 1500);
  });
});
