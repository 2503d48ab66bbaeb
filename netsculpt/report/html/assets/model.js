// The network: which units and edges there are, and what is known of each unit.

function makeModel({ about, arrays }) {
  const { unit, x, y, diameter } = arrays;
  const n = unit.length;
  const layers = about.layers.map(([name, role, start, stop]) =>
    ({ name: printable(name), role, start, stop }));
  const layerOfId = new Uint16Array(about.totals.units);
  layers.forEach((layer, i) => layerOfId.fill(i, layer.start, layer.stop));
  const indexOf = new Int32Array(about.totals.units).fill(-1);
  unit.forEach((id, u) => { indexOf[id] = u; });

  const places = about.columns.map(([name, at]) => ({ name: printable(name), x: at }));
  const columnOf = new Uint16Array(n);
  const nearest = new Map();
  for (let u = 0; u < n; u++) {
    const layer = layerOfId[unit[u]];
    if (!nearest.has(layer)) {
      const list = unitsBetween(unit, layers[layer]);
      const middle = (Math.min(...sample(list, x)) + Math.max(...sample(list, x))) / 2;
      nearest.set(layer, places.reduce((best, place, i) =>
        Math.abs(place.x - middle) < Math.abs(places[best].x - middle) ? i : best, 0));
    }
    columnOf[u] = nearest.get(layer);
  }

  const columns = {}, texts = {};
  for (const name of Object.keys(arrays)) {
    if (name.startsWith("column:")) columns[name.slice(7)] = arrays[name];
    if (name.startsWith("text:")) {
      const key = name.slice(5);
      texts[key] = { codes: arrays[name], names: about.texts[key].map(printable) };
    }
  }

  const model = {
    about, arrays, n, layers, places, columns, texts, unit, indexOf, layerOfId, columnOf, x, y, diameter,
    name: (id) => `${layers[layerOfId[id]].name}[${arrays.position[id]}]`,
    edgesOut: (u) => range(model.outStart[u], model.outStart[u + 1]),
    edgesIn: (u) => model.inEdge.subarray(model.inStart[u], model.inStart[u + 1]),
  };
  if (arrays.bundle_source) model.bundles = bundlesOf(arrays);
  if (arrays.weight) setEdges(model, { ...arrays, outDegree: arrays.out_degree });
  return model;
}

// Edges ordered by source: how many leave each unit, and of each its target and what it is.
function setEdges(model, { outDegree, target, weight, strength, wiring }) {
  const { n } = model, nEdges = target.length;
  const outStart = new Uint32Array(n + 1), inStart = new Uint32Array(n + 1);
  const source = new Uint32Array(nEdges), inEdge = new Uint32Array(nEdges);
  for (let u = 0; u < n; u++) {
    outStart[u + 1] = outStart[u] + outDegree[u];
    source.fill(u, outStart[u], outStart[u + 1]);
  }
  for (let e = 0; e < nEdges; e++) inStart[target[e] + 1]++;
  for (let u = 0; u < n; u++) inStart[u + 1] += inStart[u];
  const next = inStart.slice();
  for (let e = 0; e < nEdges; e++) inEdge[next[target[e]]++] = e;
  Object.assign(model, { nEdges, source, target, weight, strength, wiring, outStart, inStart, inEdge });
}

function unitsBetween(unit, layer) {
  let low = 0, high = unit.length;
  while (low < high) { const m = (low + high) >> 1; if (unit[m] < layer.start) low = m + 1; else high = m; }
  const first = low;
  high = unit.length;
  while (low < high) { const m = (low + high) >> 1; if (unit[m] < layer.stop) low = m + 1; else high = m; }
  return [first, low];
}

function* sample([first, stop], values) {
  const step = Math.max(1, Math.floor((stop - first) / 500));
  for (let i = first; i < stop; i += step) yield values[i];
}

function range(start, stop) {
  return Uint32Array.from({ length: stop - start }, (_, i) => start + i);
}

// The heaviest of some edges, ties by edge number.
function heaviest(model, edges, most) {
  const size = (e) => Math.abs(model.weight[e]);
  return Array.from(edges).sort((a, b) => size(b) - size(a) || a - b).slice(0, most);
}

// Which units are on a path through one: 1 = upstream, 2 = downstream, 3 = itself.
function pathsThrough(model, unit) {
  const role = new Uint8Array(model.n);
  const { source, target, inEdge, inStart, outStart } = model;
  const walk = (mark, each) => {
    const waiting = [unit];
    role[unit] |= mark;
    while (waiting.length) {
      each(waiting.pop(), (other) => {
        if (!(role[other] & mark)) { role[other] |= mark; waiting.push(other); }
      });
    }
  };
  walk(1, (u, visit) => { for (let i = inStart[u]; i < inStart[u + 1]; i++) visit(source[inEdge[i]]); });
  walk(2, (u, visit) => { for (let e = outStart[u]; e < outStart[u + 1]; e++) visit(target[e]); });
  return role;
}

// Edges on paths through a unit (marks of `pathsThrough`), or edges that touch chosen units.
function edgesOf(model, role, alongPaths) {
  const chosen = [];
  for (let e = 0; e < model.nEdges; e++) {
    const a = role[model.source[e]], b = role[model.target[e]];
    if (alongPaths ? a & b : a | b) chosen.push(e);
  }
  return Uint32Array.from(chosen);
}
