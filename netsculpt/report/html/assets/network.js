// The network, its choices, its card and its table of units, which act on each other.

async function networkOfPage() {
  const data = document.getElementById("data"), model = makeModel(await unpacked(data.textContent));
  data.remove();
  return model;
}

function said(totals) {
  if (totals.at_step !== undefined) return saidOfStep(totals);
  const parts = [], { bundles, drawn_bundles: shown } = totals;
  const dead = totals.units - totals.live_units;
  if (dead) parts.push(`${numberText(dead)} dead units are not drawn`);
  parts.push(...unitsLeftOut(totals));
  if (bundles) {
    parts.push(`all ${numberText(totals.live_edges)} edges are in ${numberText(bundles)} bundles, from module to module between each two columns${shown < bundles ? `, the densest ${numberText(shown)} of which are drawn` : ""}`);
  }
  if (totals.drawn_edges < totals.live_edges) {
    parts.push(`${numberText(totals.drawn_edges)} of ${numberText(totals.live_edges)} edges are drawn, the heaviest between each two layers`);
  }
  return sentence(parts.length ? parts : [`all ${numberText(totals.drawn_edges)} edges are drawn`]);
}

function saidOfStep(totals) {
  const { units, at_step: live, live_edges: edges, drawn_edges: shown } = totals;
  const parts = [live < units ? `${numberText(live)} of ${numberText(units)} units are live at this step, the others are pale or not drawn` : `All ${numberText(units)} units are live at this step`];
  parts.push(...unitsLeftOut(totals));
  parts.push(shown < edges
    ? `${numberText(shown)} of ${numberText(edges)} edges are drawn; the others are lighter, or lead to units that are dead at every step`
    : `all ${numberText(edges)} edges are drawn`);
  return sentence(parts);
}

function sentence(parts) {
  const text = parts.join("; ");
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

function unitsLeftOut({ drawn_units: shown, live_units: live }) {
  return shown < live
    ? [`${numberText(shown)} of ${numberText(live)} live units are drawn, those with the largest path shares of each layer`] : [];
}

// Make all of it work; `changed` is for when edges and columns of the model have.
function makeNetwork(model) {
  const line = document.getElementById("view-said");
  let usual = said(model.about.totals), table = null, recolour = () => {};
  line.textContent = usual;
  const go = (id) => { view.show(id, true); view.canvas.scrollIntoView({ block: "nearest" }); };
  const view = makeView(model, (id) => showCard(model, id, go), (role, told, edges) => {
    line.textContent = role ? `${told}, ${numberText(edges.length)} edges.` : usual;
    if (!role) for (const id of ["layer", "module"]) document.getElementById(id).value = "";
    table?.only(role && new Set(Array.from(model.unit).filter((_, u) => role[u])));
  });

  listen(model, view);
  const ofModules = (key, labels) => {
    const wanted = new Set(labels);
    view.chooseWhere((u) => wanted.has(model.columns[`module_${key}`][model.unit[u]]), `Module ${labels.join("+")} of ${key}`);
  };
  const paper = () => getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
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
    const chosen = colouring(model, colour.value, paper()), before = modules.value;
    view.recolour(chosen.fills, chosen.palette);
    showLegend(model, chosen, ofModules);
    const labels = chosen.swatches.filter((s) => s.label !== undefined);
    modules.replaceChildren(...[["", "all"], ...labels.map((s) => [String(s.label), String(s.label)])]
      .map(([value, text]) => make("option", text, { value })));
    modules.value = labels.some((s) => String(s.label) === before) ? before : "";
    modules.disabled = !labels.length;
  };
  recolour();

  document.getElementById("fit").addEventListener("click", view.fit);
  document.getElementById("clear").addEventListener("click", view.clear);
  document.getElementById("save").addEventListener("click", () => saveCanvas(view.canvas, "network.png"));
  makeTheme(() => { recolour(); view.themed(); });
  table = makeUnitTable(model, go);

  return {
    view, colour, ofModules,
    recolour: () => recolour(),
    changed: () => {
      usual = line.textContent = said(model.about.totals);
      recolour();
      table.changed();
      view.changed();
    },
  };
}
