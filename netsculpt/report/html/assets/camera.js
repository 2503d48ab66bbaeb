// Where the drawing is on the screen: screen = world × scale + shift.

const FAR = 0.5, NEAR = 400;

function makeCamera() {
  return { scale: 1, x: 0, y: 0, least: 1 };
}

function fitted(camera, width, height, world) {
  const scale = Math.min((width - 24) / world.width, (height - 44) / world.height);
  camera.scale = camera.least = scale;
  camera.x = (width - world.width * scale) / 2;
  camera.y = (height - 20 - world.height * scale) / 2;
}

function zoomed(camera, factor, atX, atY) {
  const scale = Math.min(Math.max(camera.scale * factor, FAR * camera.least), NEAR * camera.least);
  const ratio = scale / camera.scale;
  camera.x = atX - (atX - camera.x) * ratio;
  camera.y = atY - (atY - camera.y) * ratio;
  camera.scale = scale;
}

function same(a, b) {
  return a.scale === b.scale && a.x === b.x && a.y === b.y;
}

// A square grid that finds the unit nearest to a place.
function makeFinder(model) {
  const cell = 10, cells = new Map();
  const key = (x, y) => Math.floor(x / cell) * 65536 + Math.floor(y / cell);
  for (let u = 0; u < model.n; u++) {
    const k = key(model.x[u], model.y[u]);
    if (cells.has(k)) cells.get(k).push(u); else cells.set(k, [u]);
  }
  return (x, y, reach) => {
    let best = -1, least = Infinity;
    for (let i = Math.floor((x - reach) / cell); i <= Math.floor((x + reach) / cell); i++) {
      for (let j = Math.floor((y - reach) / cell); j <= Math.floor((y + reach) / cell); j++) {
        for (const u of cells.get(i * 65536 + j) ?? []) {
          const gap = Math.hypot(model.x[u] - x, model.y[u] - y) - model.diameter[u] / 2;
          if (gap < least && gap <= reach) { least = gap; best = u; }
        }
      }
    }
    return best;
  };
}
