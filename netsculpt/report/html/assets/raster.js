// Edges as pictures: lines where they are few, a density of lines where they are many.

const FEW = 4000, SLICE = 12, ARC = 10; // edges, milliseconds, pieces of an arc

// Points of an edge on the screen: straight to the next column, an arc over skipped ones.
function edgePoints(model, camera, e, world) {
  const a = model.source[e], b = model.target[e], { scale } = camera;
  const x0 = model.x[a] * scale + camera.x, y0 = model.y[a] * scale + camera.y;
  const x1 = model.x[b] * scale + camera.x, y1 = model.y[b] * scale + camera.y;
  const span = model.columnOf[b] - model.columnOf[a];
  if (span <= 1) return [x0, y0, x1, y1];
  const middle = (model.y[a] + model.y[b]) / 2;
  const reach = Math.min(0.3 * (model.x[b] - model.x[a]),
    2 * (0.08 * world.height + Math.min(middle, world.height - middle)));
  const bend = (middle > world.height / 2 ? middle + reach : middle - reach) * scale + camera.y;
  return [x0, y0, (x0 + x1) / 2, bend, x1, y1];
}

function drawLines(context, model, camera, edges, world, ink) {
  const classes = new Map(); // colour and strength → edges
  for (const e of edges) {
    const kind = model.wiring[e] ? 2 : model.weight[e] < 0 ? 1 : 0;
    const grade = model.wiring[e] ? 1 : Math.min(3, model.strength[e] >> 6);
    const key = grade * 3 + kind;
    if (classes.has(key)) classes.get(key).push(e); else classes.set(key, [e]);
  }
  const fine = Math.max(0.45, Math.min(1, Math.sqrt(400 / Math.max(edges.length, 1))));
  for (const key of [...classes.keys()].sort((a, b) => a - b)) {
    const grade = Math.floor(key / 3);
    context.strokeStyle = ink[key % 3];
    context.globalAlpha = (0.3 + 0.2 * grade) * fine;
    context.lineWidth = (0.5 + 0.5 * grade) * fine;
    context.beginPath();
    for (const e of classes.get(key)) {
      const p = edgePoints(model, camera, e, world);
      context.moveTo(p[0], p[1]);
      if (p.length === 4) context.lineTo(p[2], p[3]);
      else context.quadraticCurveTo(p[2], p[3], p[4], p[5]);
    }
    context.stroke();
  }
  context.globalAlpha = 1;
}

// Add a value to the pixels of a line: shared by two neighbours at each step along its longer side.
function addLine(sums, width, height, x0, y0, x1, y1, value) {
  const dx = x1 - x0, dy = y1 - y0;
  let from = 0, to = 1;
  if (dx !== 0) {
    const a = -x0 / dx, b = (width - 1 - x0) / dx;
    from = Math.max(from, Math.min(a, b)); to = Math.min(to, Math.max(a, b));
  } else if (x0 < 0 || x0 > width - 1) return;
  if (dy !== 0) {
    const a = -y0 / dy, b = (height - 1 - y0) / dy;
    from = Math.max(from, Math.min(a, b)); to = Math.min(to, Math.max(a, b));
  } else if (y0 < 0 || y0 > height - 1) return;
  if (from > to) return;
  const length = Math.max(Math.abs(dx), Math.abs(dy)) * (to - from), steps = Math.max(1, Math.ceil(length));
  const stepX = (dx * (to - from)) / steps, stepY = (dy * (to - from)) / steps;
  const flat = Math.abs(dx) >= Math.abs(dy), aside = flat ? width : 1;
  let x = x0 + dx * from, y = y0 + dy * from;
  for (let i = 0; i <= steps; i++) {
    const column = flat ? (x + 0.5) | 0 : x | 0, row = flat ? y | 0 : (y + 0.5) | 0;
    const rest = value * (flat ? y - row : x - column), at = row * width + column;
    sums[at] += value - rest;
    sums[at + aside] += rest;
    x += stepX; y += stepY;
  }
}

// The density of lines as a canvas, made in slices; `show` gets it while it grows.
async function densityOf(model, camera, edges, size, world, ink, show, isCurrent) {
  const count = edges ? edges.length : model.nEdges;
  const ratio = count > 100000 ? 0.5 : 1; // fewer pixels: the same picture, sooner
  const width = Math.ceil(size.width * ratio), height = Math.ceil(size.height * ratio);
  const room = width * (height + 1) + 1; // a line at the edge shares with what is beyond it
  const sums = [new Float32Array(room), new Float32Array(room)];
  const reduced = { scale: camera.scale * ratio, x: camera.x * ratio, y: camera.y * ratio };
  const stride = coprime(count); // a part of the edges looks like the whole
  const picture = document.createElement("canvas");
  picture.width = width; picture.height = height;
  let begun = performance.now(), shown = begun, at = 0;
  for (let i = 0; i < count; i++) {
    at += stride; if (at >= count) at -= count;
    const e = edges ? edges[at] : at;
    const p = edgePoints(model, reduced, e, world);
    const into = sums[model.weight[e] < 0 && !model.wiring[e] ? 1 : 0];
    const value = 0.15 + 0.85 * model.strength[e] / 255;
    if (p.length === 4) addLine(into, width, height, p[0], p[1], p[2], p[3], value);
    else addArc(into, width, height, p, value);
    if ((i & 1023) === 0 && performance.now() - begun > SLICE) {
      if (performance.now() - shown > 250) { colour(picture, sums, ink); show(picture, sums); shown = performance.now(); }
      await new Promise((resume) => setTimeout(resume));
      if (!isCurrent()) return;
      begun = performance.now();
    }
  }
  colour(picture, sums, ink);
  show(picture, sums);
}

function addArc(sums, width, height, p, value) {
  let x = p[0], y = p[1];
  for (let i = 1; i <= ARC; i++) {
    const t = i / ARC, u = 1 - t;
    const nextX = u * u * p[0] + 2 * u * t * p[2] + t * t * p[4];
    const nextY = u * u * p[1] + 2 * u * t * p[3] + t * t * p[5];
    addLine(sums, width, height, x, y, nextX, nextY, value);
    x = nextX; y = nextY;
  }
}

function coprime(count) {
  let stride = Math.max(1, Math.floor(count * 0.618));
  const divisor = (a, b) => { while (b) [a, b] = [b, a % b]; return a; };
  while (count > 1 && divisor(stride, count) > 1) stride++;
  return count > 1 ? stride % count : 0;
}

// The denser, the less transparent, up to what few pixels exceed; the hue says which sign prevails.
function colour(picture, [positive, negative], ink) {
  const [r0, g0, b0] = rgb(ink[0]), [r1, g1, b1] = rgb(ink[1]);
  const context = picture.getContext("2d");
  const image = context.createImageData(picture.width, picture.height);
  const scale = 1 / exceededByFew(positive, negative), n = picture.width * picture.height;
  for (let i = 0, k = 0; i < n; i++, k += 4) {
    const total = positive[i] + negative[i];
    if (total === 0) continue;
    const share = negative[i] / total;
    image.data[k] = r0 + (r1 - r0) * share;
    image.data[k + 1] = g0 + (g1 - g0) * share;
    image.data[k + 2] = b0 + (b1 - b0) * share;
    image.data[k + 3] = 235 * Math.min(1, (total * scale) ** 0.6);
  }
  context.putImageData(image, 0, 0);
}

// The density that one pixel in 100 with a line exceeds, from a sample.
function exceededByFew(positive, negative) {
  const step = Math.max(1, Math.floor(positive.length / 10000)), found = [];
  for (let i = 0; i < positive.length; i += step) {
    const total = positive[i] + negative[i];
    if (total > 0) found.push(total);
  }
  found.sort((a, b) => a - b);
  return found[Math.floor(found.length * 0.99)] || 1;
}

function rgb(hex) {
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}
