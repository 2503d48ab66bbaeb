// Bring the page to life.

function options(id, entries, onChange) {
  const select = document.getElementById(id);
  select.replaceChildren(...entries.map(([value, text]) => make("option", text, { value })));
  select.addEventListener("change", () => onChange(select.value));
  return select;
}

function said(totals) {
  const parts = [];
  const dead = totals.units - totals.live_units;
  if (dead) parts.push(`${numberText(dead)} dead units are not drawn`);
  if (totals.drawn_units < totals.live_units) {
    parts.push(`${numberText(totals.drawn_units)} of ${numberText(totals.live_units)} live units are drawn, those with the largest path shares of each layer`);
  }
  if (totals.drawn_edges < totals.live_edges) {
    parts.push(`${numberText(totals.drawn_edges)} of ${numberText(totals.live_edges)} edges are drawn, the heaviest between each two layers`);
  }
  return parts.length ? `${parts.join("; ")}.` : `All ${numberText(totals.drawn_edges)} edges are drawn.`;
}

async function main() {
  const data = document.getElementById("data");
  const model = makeModel(await unpacked(data.textContent));
  data.remove();
  const line = document.getElementById("view-said"), usual = said(model.about.totals);
  line.textContent = usual;

  let table = null;
  const go = (id) => { view.show(id, true); view.canvas.scrollIntoView({ block: "nearest" }); };
  const view = makeView(model, (id) => showCard(model, id, go), (role, told, edges) => {
    line.textContent = role ? `${told}, ${numberText(edges.length)} edges.` : usual;
    if (!role) for (const id of ["layer", "module"]) document.getElementById(id).value = "";
    table?.only(role && new Set(Array.from(model.unit).filter((_, u) => role[u])));
  });

  listen(model, view);
  const ofModules = (key, labels) => {
    const values = model.columns[`module_${key}`], wanted = new Set(labels);
    view.chooseWhere((u) => wanted.has(values[model.unit[u]]), `Module ${labels.join("+")} of ${key}`);
  };
  let recolour = () => {};
  const paper = () => getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
  const themed = () => { recolour(); view.themed(); };
  const colour = options("colour", colourings(model).map((name) => [name, name.replaceAll("_", " ")]), () => recolour());
  options("layer", [["", "all"], ...model.layers.map((layer, i) => [String(i), layer.name])], (value) => {
    document.getElementById("module").value = "";
    if (value === "") view.clear();
    else view.chooseWhere((u) => model.layerOfId[model.unit[u]] === Number(value), `Layer ${model.layers[value].name}`);
  });
  const modules = options("module", [["", "all"]], (value) => {
    document.getElementById("layer").value = "";
    if (value === "") view.clear();
    else ofModules(colour.value.slice(7), [Number(value)]);
  });
  recolour = () => {
    const chosen = colouring(model, colour.value, paper());
    view.recolour(chosen.fills, chosen.palette);
    showLegend(model, chosen, ofModules);
    const labels = chosen.swatches.filter((s) => s.label !== undefined);
    modules.replaceChildren(...[["", "all"], ...labels.map((s) => [String(s.label), String(s.label)])]
      .map(([value, text]) => make("option", text, { value })));
    modules.disabled = !labels.length;
  };
  recolour();

  document.getElementById("fit").addEventListener("click", view.fit);
  document.getElementById("clear").addEventListener("click", view.clear);
  document.getElementById("save").addEventListener("click", () => saveCanvas(view.canvas, "network.png"));

  for (const box of document.querySelectorAll("g[data-members]")) {
    const act = () => {
      const wanted = `module_${box.dataset.key}`;
      if (colour.value !== wanted) { colour.value = wanted; recolour(); }
      ofModules(box.dataset.key, box.dataset.members.split(" ").map(Number));
      view.canvas.scrollIntoView({ block: "nearest" });
    };
    box.addEventListener("click", act);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); }
    });
    const swatch = box.querySelector("[data-module]");
    swatch.style.fill = model.about.palette[swatch.dataset.module % model.about.palette.length];
  }

  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    themed();
  });
  dark.addEventListener("change", themed);
  addEventListener("beforeprint", () => { root.dataset.printing = ""; themed(); });
  addEventListener("afterprint", () => { delete root.dataset.printing; themed(); });

  for (const each of document.querySelectorAll("main table")) makeSortable(each);
  table = makeUnitTable(model, go);
  await showFigures();
  root.dataset.ready = "";
}

main().catch((error) => {
  document.getElementById("view-said").textContent = `The data of this page cannot be read: ${error.message}`;
  throw error;
});
