// What pointer, wheel and keys do in the view.

function listen(model, view) {
  const { canvas, camera, size, state } = view;
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  let down = null;
  canvas.addEventListener("pointerdown", (event) => {
    const [x, y] = place(event);
    down = { x, y, moved: false };
    canvas.setPointerCapture(event.pointerId);
    if (event.shiftKey) state.brush = { x0: x, y0: y, x1: x, y1: y };
  });
  canvas.addEventListener("pointermove", (event) => {
    const [x, y] = place(event);
    if (!down) {
      const u = view.unitAt(x, y);
      canvas.classList.toggle("over", u >= 0);
      if (u >= 0 && u !== state.unit) view.show(model.unit[u]);
      return;
    }
    if (Math.hypot(x - down.x, y - down.y) > 3) down.moved = true;
    if (state.brush) { state.brush.x1 = x; state.brush.y1 = y; view.ask(); return; }
    if (!down.moved) return;
    camera.x += x - (down.lastX ?? down.x); camera.y += y - (down.lastY ?? down.y);
    down.lastX = x; down.lastY = y;
    view.moved();
  });
  canvas.addEventListener("pointerup", (event) => {
    const [x, y] = place(event), brush = state.brush, held = down;
    down = null; state.brush = null;
    if (brush && held.moved) {
      const of = (a, b, shift) => [Math.min(a, b), Math.max(a, b)].map((v) => (v - shift) / camera.scale);
      const [left, right] = of(brush.x0, brush.x1, camera.x), [top, bottom] = of(brush.y0, brush.y1, camera.y);
      view.chooseWhere((u) => model.x[u] >= left && model.x[u] <= right && model.y[u] >= top && model.y[u] <= bottom,
        "Chosen by hand");
      return;
    }
    if (!held || held.moved) return;
    const u = view.unitAt(x, y);
    if (u >= 0) { view.show(model.unit[u]); view.choosePaths(model.unit[u]); } else { view.show(-1); view.choose(null); }
  });
  canvas.addEventListener("pointercancel", () => { down = null; state.brush = null; view.ask(); });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoomed(camera, Math.exp(-event.deltaY * 0.0015), ...place(event));
    view.moved();
  }, { passive: false });

  // Neighbours for the arrow keys: up and down in the column, left and right along edges.
  function neighbour(key) {
    const u = state.unit;
    if (u < 0) return 0;
    if (key === "ArrowLeft" || key === "ArrowRight") {
      const edges = key === "ArrowLeft" ? model.edgesIn(u) : model.edgesOut(u);
      const [e] = heaviest(model, edges, 1);
      return e === undefined ? u : (key === "ArrowLeft" ? model.source : model.target)[e];
    }
    const sign = key === "ArrowDown" ? 1 : -1;
    let best = u, least = Infinity;
    for (let v = 0; v < model.n; v++) {
      if (v === u || model.columnOf[v] !== model.columnOf[u]) continue;
      const gap = sign * (model.y[v] - model.y[u]) + 1e-6 * sign * (model.x[v] - model.x[u]);
      if (gap > 0 && gap < least) { least = gap; best = v; }
    }
    return best;
  }
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key.startsWith("Arrow")) view.show(model.unit[neighbour(event.key)], true);
    else if (event.key === "Enter" && state.unit >= 0) view.choosePaths(model.unit[state.unit]);
    else if (event.key === "Escape") { view.show(-1); view.choose(null); }
    else if (event.key === "0") view.fit();
    else if ("+=-".includes(event.key)) {
      zoomed(camera, event.key === "-" ? 0.8 : 1.25, size.width / 2, size.height / 2);
      view.moved();
    } else return;
    event.preventDefault();
  });
}
