// Bundles of edges: bands from a module's units in one column to another's in the next ones.

function bundlesOf(arrays) {
  const { bundle_source: source, bundle_target: target, bundle_density: density, bundle_negative: negative } = arrays;
  const { box_left: left, box_right: right, box_low: low, box_high: high } = arrays;
  return { n: source.length, source, target, density, negative, left, right, low, high };
}

// A band is as dark as its density is to that of the densest; its hue says which sign prevails.
function bundlesPicture(model, camera, size, ink) {
  const { bundles } = model, { scale } = camera;
  const picture = document.createElement("canvas");
  picture.width = Math.max(1, Math.round(size.width)); picture.height = Math.max(1, Math.round(size.height));
  const context = picture.getContext("2d");
  const most = bundles.density[bundles.n - 1] || 1;
  const [r0, g0, b0] = rgb(ink[0]), [r1, g1, b1] = rgb(ink[1]);
  for (let i = 0; i < bundles.n; i++) {
    const a = bundles.source[i], b = bundles.target[i], share = bundles.negative[i];
    const x0 = bundles.right[a] * scale + camera.x, x1 = bundles.left[b] * scale + camera.x;
    if (x1 < 0 || x0 > size.width) continue;
    const y = [bundles.low[a], bundles.high[a], bundles.high[b], bundles.low[b]].map((v) => v * scale + camera.y);
    const middle = (x0 + x1) / 2;
    const mixed = [r0 + (r1 - r0) * share, g0 + (g1 - g0) * share, b0 + (b1 - b0) * share].map(Math.round);
    context.fillStyle = `rgba(${mixed.join(",")},${(0.04 + 0.46 * bundles.density[i] / most).toFixed(3)})`;
    context.beginPath();
    context.moveTo(x0, y[0]);
    context.bezierCurveTo(middle, y[0], middle, y[3], x1, y[3]);
    context.lineTo(x1, y[2]);
    context.bezierCurveTo(middle, y[2], middle, y[1], x0, y[1]);
    context.fill();
  }
  return picture;
}
