// The table of units, which is sorted and searched, and shown by pages.

const PAGE = 25;
const LABELS = /^(module|hierarchy|consensus)_/; // −1 = none

function makeUnitTable(model, go) {
  const home = document.getElementById("unit-table");
  const total = model.about.totals.units;
  const named = ["name", "layer"];
  const columns = [...named, ...Object.keys(model.texts), ...Object.keys(model.columns)];
  const first = ["name", "layer", "live", ...Object.keys(model.texts), `module_${model.about.keys[0]}`,
    "path_share", "path_share_weighted", "in_degree", "out_degree"];
  const shown = new Set(first.filter((name) => columns.includes(name)));
  const state = { order: "", down: false, page: 0, words: "", only: null };
  let rows = null;

  const search = make("input", undefined, { type: "search", placeholder: "name or layer", "aria-label": "Search units" });
  const count = make("span", "", { role: "status", class: "count" });
  const back = make("button", "Previous", { type: "button" }), on = make("button", "Next", { type: "button" });
  const wanted = make("details", undefined, { class: "columns" }), boxes = make("div", undefined, { class: "choices" });
  const table = make("table"), head = make("thead"), body = make("tbody");
  const scroll = make("div", undefined, { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of units" });
  const bar = make("div", undefined, { class: "controls" });
  wanted.append(make("summary", "Columns"), boxes);
  table.append(head, body);
  scroll.append(table);
  bar.append(search, back, on, count);
  home.replaceChildren(bar, wanted, scroll);
  if (model.about.left_out?.length) {
    home.append(make("p", `In units.csv alone: ${model.about.left_out.join(", ")}.`, { class: "quiet" }));
  }

  const value = (name, id) => {
    if (name === "name") return model.name(id);
    if (name === "layer") return model.layers[model.layerOfId[id]].name;
    const text = model.texts[name];
    return text ? text.names[text.codes[id]] : model.columns[name][id];
  };
  const isText = (name) => named.includes(name) || name in model.texts;

  function sorted() {
    const words = state.words.toLowerCase();
    const kept = [];
    for (let id = 0; id < total; id++) {
      if (state.only && !state.only.has(id)) continue;
      if (!words || model.name(id).toLowerCase().includes(words)) kept.push(id);
    }
    const name = state.order, sign = state.down ? -1 : 1;
    if (name === "name" || name === "layer") { if (state.down) kept.reverse(); return kept; }
    if (!name) return kept;
    const empty = (v) => (typeof v === "number" && Number.isNaN(v) ? 1 : 0);
    return kept.sort((i, j) => {
      const a = value(name, i), b = value(name, j);
      return empty(a) - empty(b) || sign * (a < b ? -1 : a > b ? 1 : 0) || i - j;
    });
  }

  function drawHead() {
    const row = make("tr");
    for (const name of columns.filter((c) => shown.has(c))) {
      const cell = make("th", undefined, { scope: "col" });
      if (!isText(name)) cell.className = "number";
      const button = make("button", name, { type: "button", class: "sort" });
      button.addEventListener("click", () => {
        state.down = state.order === name ? !state.down : !isText(name);
        state.order = name; state.page = 0; rows = null;
        drawHead(); drawBody();
      });
      cell.append(button);
      if (state.order === name) cell.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      if (model.about.told[name]) {
        const [id, text] = model.about.told[name];
        button.title = text;
        cell.append(" ", make("a", "?", { href: `#${id}`, class: "term", "aria-label": `what ${name} is` }));
      }
      row.append(cell);
    }
    head.replaceChildren(row);
  }

  function drawBody() {
    rows ??= sorted();
    const pages = Math.max(1, Math.ceil(rows.length / PAGE));
    state.page = Math.min(Math.max(state.page, 0), pages - 1);
    const from = state.page * PAGE;
    body.replaceChildren(...rows.slice(from, from + PAGE).map((id) => {
      const row = make("tr");
      for (const name of columns.filter((c) => shown.has(c))) {
        const cell = make("td");
        if (name === "name") {
          const button = make("button", value(name, id), { type: "button", class: "link" });
          button.addEventListener("click", () => go(id));
          cell.append(button);
        } else if (isText(name)) cell.textContent = value(name, id);
        else if (name === "live") { cell.textContent = value(name, id) ? "yes" : "no"; cell.className = "number"; }
        else if (LABELS.test(name) && value(name, id) < 0) { cell.textContent = "none"; cell.className = "number"; }
        else { cell.textContent = numberText(value(name, id), 6); cell.className = "number"; }
        row.append(cell);
      }
      return row;
    }));
    const last = Math.min(from + PAGE, rows.length);
    count.textContent = rows.length ? `${numberText(from + 1)} to ${numberText(last)} of ${numberText(rows.length)} units` : "no unit has that name";
    back.disabled = state.page === 0;
    on.disabled = state.page >= pages - 1;
  }

  for (const name of columns) {
    const label = make("label"), box = make("input", undefined, { type: "checkbox" });
    box.checked = shown.has(name);
    box.addEventListener("change", () => {
      if (box.checked) shown.add(name); else shown.delete(name);
      drawHead(); drawBody();
    });
    label.append(box, ` ${name}`);
    boxes.append(label);
  }
  search.addEventListener("input", () => { state.words = search.value; state.page = 0; rows = null; drawBody(); });
  back.addEventListener("click", () => { state.page--; drawBody(); });
  on.addEventListener("click", () => { state.page++; drawBody(); });
  drawHead(); drawBody();
  return {
    only: (ids) => { state.only = ids; state.page = 0; rows = null; drawBody(); },
    changed: () => { rows = null; drawBody(); },
  };
}
