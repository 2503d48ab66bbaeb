// Names below the network: of columns where there is room, of stages under brackets.

const ROOM = 46, LINE = 16; // pixels from column to column that a name needs; height of a line

function drawNames(context, model, camera, size, { text, paper }) {
  const at = (column) => model.places[column].x * camera.scale + camera.x;
  const gap = model.places.length > 1 ? at(1) - at(0) : size.width;
  const grouped = model.about.stages.some(([, first, stop]) => stop - first > 1);
  const low = size.height - 6, named = gap >= ROOM;
  const inside = model.about.stages.flatMap(([, first, stop, inner]) => (stop - first > 1 ? inner : []));
  const lines = Math.max(1, ...inside.map((each) => each.split(", ").length)); // layers in one column
  context.font = "12px system-ui, sans-serif";
  context.textAlign = "center"; context.textBaseline = "alphabetic";
  context.fillStyle = paper; context.globalAlpha = 0.85;
  context.fillRect(0, size.height - LINE * (grouped && named ? 1 + lines : 1) - 6, size.width, LINE * (1 + lines) + 6);
  context.globalAlpha = 1;
  context.fillStyle = context.strokeStyle = text; context.lineWidth = 1;
  let free = -Infinity;
  for (const [name, first, stop, inner] of model.about.stages) {
    const left = at(first), right = at(stop - 1);
    if (right < 0 || left > size.width) continue;
    if (stop - first > 1) {
      const top = low - 14;
      context.beginPath();
      context.moveTo(left - 4, top + 4); context.lineTo(left - 4, top);
      context.lineTo(right + 4, top); context.lineTo(right + 4, top + 4);
      context.stroke();
      if (named) {
        inner.forEach((each, i) => each.split(", ").reverse().forEach((layer, line) => {
          write(layer, at(first + i), low - LINE * (1 + line) - 2, gap - 6);
        }));
      }
    }
    const middle = Math.min(Math.max((Math.max(left, 0) + Math.min(right, size.width)) / 2, 0), size.width);
    free = write(printable(name), middle, low, Math.max(right - left + gap - 8, 56), free);
  }

  // Write a name unless it would lie on the last one; returns where the next may begin.
  function write(name, middle, y, room, from = -Infinity) {
    const short = shortened(context, printable(name), room), half = context.measureText(short).width / 2;
    const x = Math.min(Math.max(middle, half + 3), size.width - half - 3);
    if (x - half < from) return from;
    context.fillText(short, x, y);
    return x + half + 6;
  }
}

// A text that fits, cut in the middle.
function shortened(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  for (let kept = text.length - 1; kept > 3; kept--) {
    const tail = Math.ceil(kept * 0.6);
    const short = `${text.slice(0, kept - tail)}…${text.slice(-tail)}`;
    if (context.measureText(short).width <= room) return short;
  }
  return "…";
}
