// The card of a unit: what it is, and its heaviest edges.

const LISTED = 5;

function showCard(model, id, go) {
  const card = document.getElementById("card");
  if (id < 0) {
    card.replaceChildren(make("p", "Point at a unit.", { class: "quiet" }));
    return;
  }
  const u = model.indexOf[id], layer = model.layers[model.layerOfId[id]];
  const facts = make("dl");
  const fact = (key, value, link) => {
    const title = make("dt");
    title.append(link ? make("a", key, { href: link, class: "term" }) : key);
    facts.append(title, make("dd", value));
  };
  fact("layer", `${layer.name} (${layer.role})`);
  for (const [key, { codes, names }] of Object.entries(model.texts)) fact(key, names[codes[id]]);
  for (const key of model.about.keys) {
    const label = model.columns[`module_${key}`]?.[id];
    if (label !== undefined) fact(`module (${key})`, label < 0 ? "none" : String(label), "#def-module");
  }
  for (const name of ["path_share", "path_share_weighted", "in_degree", "out_degree"]) {
    const values = model.columns[name];
    if (values) fact(name.replaceAll("_", " "), numberText(values[id]), `#def-column-${name}`);
  }
  card.replaceChildren(make("h3", model.name(id)), facts);
  const dead = model.columns.live && !model.columns.live[id];
  if (dead && u >= 0) card.append(make("p", "Dead: on no path from an input to an output.", { class: "quiet" }));
  if (u < 0) {
    card.append(make("p", dead ? "Dead: on no path from an input to an output, so not drawn."
      : "Not among the units drawn.", { class: "quiet" }));
    return;
  }
  edgeList(card, model, "Heaviest edges in", model.edgesIn(u), model.source, model.columns.in_degree?.[id], go);
  edgeList(card, model, "Heaviest edges out", model.edgesOut(u), model.target, model.columns.out_degree?.[id], go);
}

// `degree` counts the edges to units that are not drawn as well.
function edgeList(card, model, title, edges, ends, degree, go) {
  const hidden = degree > edges.length
    ? make("p", `${numberText(degree - edges.length)} more, dead or too light to be drawn`, { class: "quiet" }) : "";
  if (!edges.length && !hidden) return;
  const more = edges.length > LISTED ? ` (${LISTED} of ${numberText(edges.length)})` : "";
  const list = make("ul", undefined, { class: "edges" });
  for (const e of heaviest(model, edges, LISTED)) {
    const id = model.unit[ends[e]], row = make("li");
    const button = make("button", model.name(id), { type: "button", "data-unit": id });
    button.addEventListener("click", () => go(id));
    const weight = model.wiring[e] ? "identity" : numberText(model.weight[e]);
    row.append(button, make("span", weight, { class: "weight" }));
    list.append(row);
  }
  card.append(make("h4", title + more), list, hidden);
}
