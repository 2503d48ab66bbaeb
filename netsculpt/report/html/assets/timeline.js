// Steps of a network: what differs between two of them is stored, so one goes there step by step.
//
// `changes` has a bit for each edge and step: whether it came or went. `bits` has for each edge that
// is there a 32-bit number, the exclusive or of its weight's bits with those that it last had; both
// are undone by doing them again.

function makeTimeline(model) {
  const { changes, bits, heavy, out_degree: outDegree, target, wiring } = model.arrays;
  const { steps } = model.about, nEdges = target.length, nUnits = model.about.totals.units;
  const row = Math.ceil(nEdges / 8);
  const kept = new Uint8Array(nEdges), held = new Uint32Array(nEdges), weights = new Float32Array(held.buffer);
  const source = new Uint32Array(nEdges);
  for (let u = 0, e = 0; u < model.n; u++) for (let i = 0; i < outDegree[u]; i++) source[e++] = u;
  const firsts = [0];
  for (const step of steps) firsts.push(firsts.at(-1) + step.drawn_edges);
  let now = -1;

  function toggle(at) {
    for (let e = 0; e < nEdges; e++) kept[e] ^= (changes[at * row + (e >> 3)] >> (7 - (e & 7))) & 1;
  }
  function reweigh(at) {
    for (let e = 0, i = firsts[at]; e < nEdges; e++) if (kept[e]) held[e] ^= bits[i++];
  }

  function go(at) {
    while (now < at) { now++; toggle(now); reweigh(now); }
    while (now > at) { reweigh(now); toggle(now); now--; }
    const { drawn_edges: count, totals } = steps[at];
    const edges = {
      outDegree: new Uint32Array(model.n), target: new Uint32Array(count),
      weight: new Float32Array(count), strength: new Uint8Array(count), wiring: new Uint8Array(count),
    };
    for (let e = 0, i = 0; e < nEdges; e++) {
      if (!kept[e]) continue;
      edges.outDegree[source[e]]++;
      edges.target[i] = target[e];
      edges.weight[i] = weights[e];
      edges.strength[i] = heavy[e] > 0 ? 255 * Math.min(1, Math.abs(weights[e]) / heavy[e]) : 0;
      edges.wiring[i++] = wiring[e];
    }
    setEdges(model, edges);
    for (const name of model.about.over_time) {
      model.columns[name] = model.arrays[`step:${name}`].subarray(at * nUnits, (at + 1) * nUnits);
    }
    Object.assign(model.about.totals, totals);
  }

  model.ranges = Object.fromEntries(model.about.over_time.map((name) => [name, finiteRange(model.arrays[`step:${name}`])]));
  return { go };
}
