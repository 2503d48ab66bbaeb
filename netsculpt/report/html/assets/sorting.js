// Tables that stand on the page: buttons in their heads sort the rows, a field searches them.

function makeSortable(table) {
  const heads = [...table.querySelectorAll("thead th")], body = table.tBodies[0];
  if (body.rows.length < 2) return;
  heads.forEach((cell, column) => {
    const title = cell.textContent;
    const button = make("button", "↕", { type: "button", class: "mark", "aria-label": `sort by ${title}` });
    button.addEventListener("click", () => {
      const down = cell.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      cell.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => sortKey(row.cells[column].textContent);
      const sorted = [...body.rows].map((row) => [key(row), row]).sort(([a], [b]) => inOrder(a, b, down));
      body.append(...sorted.map(([, row]) => row));
    });
    cell.append(" ", button);
  });
  makeSearchable(table, body);
}

// A number, or the text; null for a cell without a value.
function sortKey(text) {
  if (text === "" || text === "–") return null;
  const number = Number(text.replace(/[,≤%\s]/g, "").replaceAll("−", "-"));
  return Number.isNaN(number) ? text : number;
}

// Numbers come before texts, and what is missing comes last, whichever way is up.
function inOrder(a, b, down) {
  const kind = (value) => (value === null ? 2 : typeof value === "number" ? 0 : 1);
  if (kind(a) !== kind(b)) return kind(a) - kind(b);
  return (down ? -1 : 1) * (a < b ? -1 : a > b ? 1 : 0);
}

// Rows that hold what is sought stay; it is said how many.
function makeSearchable(table, body) {
  const caption = table.caption, rows = [...body.rows];
  const search = make("input", undefined,
    { type: "search", placeholder: "search", "aria-label": `Search ${caption.textContent}` });
  const count = make("span", "", { role: "status", class: "count" });
  search.addEventListener("input", () => {
    const sought = search.value.trim().toLowerCase();
    let left = 0;
    for (const row of rows) {
      const text = [...row.cells].map((cell) => cell.textContent).join(" ").toLowerCase();
      row.hidden = !text.includes(sought);
      if (!row.hidden) left++;
    }
    count.textContent = sought ? `${numberText(left)} of ${numberText(rows.length)} rows` : "";
  });
  const bar = make("div", undefined, { class: "controls search" });
  bar.append(search, count);
  table.closest(".scroll").before(bar);
}
