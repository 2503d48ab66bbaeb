// The view of the network: what is drawn, and what pointer and keys do.

const PATH = 250; // discs drawn together
const REST = 90; // milliseconds without a movement before the picture is made again

function makeView(model, onUnit, onChosen) {
  const canvas = document.getElementById("canvas"), context = canvas.getContext("2d");
  const camera = makeCamera(), { world } = model.about, find = makeFinder(model);
  const size = { width: 0, height: 0 };
  const state = { unit: -1, role: null, edges: null, again: null, fills: null, palette: [], brush: null };
  const stills = { bundles: null, base: null, chosen: null };
  let ink = [], paper = "#ffffff", text = "#000000", made = 0, timer = 0, asked = false;

  function readTheme() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    ink = [of("--positive"), of("--negative"), of("--wire")];
    paper = of("--paper"); text = of("--ink");
  }

  function resized() {
    const box = canvas.getBoundingClientRect(), ratio = window.devicePixelRatio || 1;
    if (!box.width) return;
    size.width = box.width; size.height = box.height;
    canvas.width = Math.round(box.width * ratio); canvas.height = Math.round(box.height * ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    fitted(camera, size.width, size.height, world);
    refresh();
  }

  // Make the pictures of edges again, then draw.
  function refresh() {
    made++;
    if (model.bundles) stills.bundles = { picture: bundlesPicture(model, camera, size, ink), taken: { ...camera } };
    still("base", null);
    if (state.edges) still("chosen", state.edges); else stills.chosen = null;
    ask();
  }

  function still(name, edges) {
    const current = made, taken = { ...camera };
    const visible = (edges ? edges.length : model.nEdges) <= FEW ? edges ?? range(0, model.nEdges) : null;
    if (visible) {
      stills[name] = { lines: visible };
      return;
    }
    densityOf(model, taken, edges, size, world, ink, (picture, sums) => {
      stills[name] = { picture, sums, taken };
      ask();
      pictured();
    }, () => current === made);
  }

  function ask() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  }

  function moved() {
    ask();
    clearTimeout(timer);
    if (model.nEdges > FEW) timer = setTimeout(refresh, REST);
  }

  function drawEdges(what) {
    if (!what) return;
    if (what.lines) { drawLines(context, model, camera, what.lines, world, ink); return; }
    const ratio = camera.scale / what.taken.scale;
    context.imageSmoothingEnabled = true;
    context.drawImage(what.picture, camera.x - what.taken.x * ratio, camera.y - what.taken.y * ratio,
      size.width * ratio, size.height * ratio);
  }

  function draw() {
    context.fillStyle = paper;
    context.fillRect(0, 0, size.width, size.height);
    faded(state.role ? 0.15 : 1, () => { drawEdges(stills.bundles); drawEdges(stills.base); });
    if (state.role) drawEdges(stills.chosen);
    drawUnits();
    if (state.unit >= 0) drawChosenUnit();
    drawNames(context, model, camera, size, { text, paper });
    if (state.brush) drawBrush();
    if (model.nEdges <= FEW) pictured();
  }

  function pictured() {
    if (!performance.getEntriesByName("first-picture").length) performance.mark("first-picture");
  }

  // Everything at once paler: through a second canvas, as lines set their own strength.
  function faded(alpha, paint) {
    if (alpha === 1) { paint(); return; }
    paint();
    context.globalAlpha = 1 - alpha;
    context.fillStyle = paper;
    context.fillRect(0, 0, size.width, size.height);
    context.globalAlpha = 1;
  }

  function drawUnits() {
    if (!state.fills) return;
    const { scale } = camera, { live } = model.columns;
    const lists = state.palette.map(() => [[], []]);
    for (let u = 0; u < model.n; u++) {
      const x = model.x[u] * scale + camera.x, y = model.y[u] * scale + camera.y;
      if (x < -9 || y < -9 || x > size.width + 9 || y > size.height + 9) continue;
      const faint = state.role ? !state.role[u] : live && !live[model.unit[u]];
      lists[state.fills[u]][faint ? 1 : 0].push(u);
    }
    for (const faint of [1, 0]) {
      context.globalAlpha = faint ? 0.18 : 1;
      lists.forEach((list, i) => {
        if (!list[faint].length) return;
        context.fillStyle = state.palette[i];
        context.strokeStyle = paper; context.lineWidth = 0.7;
        for (let at = 0; at < list[faint].length; at += PATH) drawSome(list[faint].slice(at, at + PATH));
      });
    }
    context.globalAlpha = 1;
  }

  // Small ones as squares; discs as one path, which takes a browser long if it has thousands.
  function drawSome(units) {
    const { scale } = camera;
    context.beginPath();
    let framed = false;
    for (const u of units) {
      const r = Math.max(0.6, model.diameter[u] * scale / 2);
      const x = model.x[u] * scale + camera.x, y = model.y[u] * scale + camera.y;
      if (r < 1.6) { context.fillRect(x - r, y - r, 2 * r, 2 * r); continue; }
      context.moveTo(x + r, y); context.arc(x, y, r, 0, 7);
      framed ||= r > 2.5;
    }
    context.fill();
    if (framed) context.stroke();
  }

  function drawChosenUnit() {
    const u = state.unit, { scale } = camera;
    const near = [...heaviest(model, model.edgesIn(u), 300), ...heaviest(model, model.edgesOut(u), 300)];
    drawLines(context, model, camera, near, world, ink);
    const r = Math.max(4, model.diameter[u] * scale / 2 + 2);
    context.strokeStyle = text; context.lineWidth = 2;
    context.beginPath();
    context.arc(model.x[u] * scale + camera.x, model.y[u] * scale + camera.y, r, 0, 7);
    context.stroke();
  }

  function drawBrush() {
    const { x0, y0, x1, y1 } = state.brush;
    context.strokeStyle = text; context.lineWidth = 1; context.setLineDash([4, 3]);
    context.strokeRect(Math.min(x0, x1), Math.min(y0, y1), Math.abs(x1 - x0), Math.abs(y1 - y0));
    context.setLineDash([]);
  }

  // Show a unit (its index in the whole network); `center` moves it into the picture.
  function show(id, center = false) {
    const u = id < 0 ? -1 : model.indexOf[id];
    state.unit = u;
    if (center && u >= 0) {
      const x = model.x[u] * camera.scale + camera.x, y = model.y[u] * camera.scale + camera.y;
      if (x < 0 || y < 0 || x > size.width || y > size.height) {
        camera.x += size.width / 2 - x; camera.y += size.height / 2 - y;
        moved();
      }
    }
    onUnit(id);
    ask();
  }

  function choose(role, alongPaths, told) {
    if (!role) state.again = null;
    state.role = role;
    state.edges = role ? edgesOf(model, role, alongPaths) : null;
    made++; // a density that is being made is of the last choice
    if (state.edges) still("chosen", state.edges); else stills.chosen = null;
    if (!stills.base || (stills.base.taken && !same(stills.base.taken, camera))) still("base", null);
    onChosen(role, told, state.edges);
    ask();
  }

  function choosePaths(id) {
    const u = model.indexOf[id];
    if (u < 0) return;
    state.again = () => choosePaths(id);
    const role = pathsThrough(model, u);
    const up = role.filter((r) => r === 1).length, down = role.filter((r) => r === 2).length;
    choose(role, true, `Paths through ${model.name(id)}: ${numberText(up)} units upstream, ${numberText(down)} downstream`);
  }

  function chooseWhere(test, told) {
    state.again = () => chooseWhere(test, told);
    const role = new Uint8Array(model.n);
    let count = 0;
    for (let u = 0; u < model.n; u++) if (test(u)) { role[u] = 1; count++; }
    choose(role, false, `${told}: ${numberText(count)} units`);
  }

  // Edges or columns of the model are others: choose the same units, or paths, among them.
  function changed() {
    for (const name of ["base", "chosen"]) if (stills[name]?.lines) stills[name] = null; // numbers of edges
    if (state.again) state.again();
    refresh();
    onUnit(state.unit < 0 ? -1 : model.unit[state.unit]);
  }

  readTheme();
  new ResizeObserver(resized).observe(canvas);
  return {
    show, choosePaths, chooseWhere,
    clear: () => { show(-1); choose(null); },
    canvas, camera, size, state, ask, moved, choose, changed,
    fit: () => { fitted(camera, size.width, size.height, world); moved(); },
    unitAt: (x, y) =>
      find((x - camera.x) / camera.scale, (y - camera.y) / camera.scale, 5 / camera.scale),
    recolour: (fills, palette) => { state.fills = fills; state.palette = palette; ask(); },
    themed: () => {
      readTheme();
      if (stills.bundles) stills.bundles.picture = bundlesPicture(model, stills.bundles.taken, size, ink);
      for (const each of Object.values(stills)) if (each?.sums) colour(each.picture, each.sums, ink);
      draw();
    },
  };
}
