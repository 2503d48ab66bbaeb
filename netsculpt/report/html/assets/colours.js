// What a unit's colour says: its module, its kind, or a number from low to high.

const SCALE = ["#00224e", "#2a3f6d", "#575d6d", "#7d7c78", "#a59c74", "#d2c060", "#fee838"]; // cividis
const GRADES = 64;

function colourings(model) {
  const names = [
    ...model.about.keys.map((key) => `module_${key}`).filter((name) => model.columns[name]),
    ...Object.keys(model.texts),
    ...Object.keys(model.columns).filter((name) => !/^(module|hierarchy|consensus)_|^live$/.test(name)),
  ];
  return names.length ? names : [""];
}

// `kinds` whose colours can be told from the paper.
function colouring(model, name, paper) {
  const found = kinds(model, name), palette = found.palette.map((each) => legible(each, paper));
  const swatches = found.swatches.map((each) => ({ ...each, colour: legible(each.colour, paper) }));
  return found.scale ? found : { ...found, palette, swatches };
}

// Fill of each drawn unit as an index into a palette, and the legend: swatches or a scale.
function kinds(model, name) {
  const fills = new Uint8Array(model.n);
  const values = model.columns[name];
  if (name.startsWith("module_") && values) {
    const palette = [...model.about.palette, "#8a8a8a"], turns = palette.length - 1;
    let most = -1;
    for (let u = 0; u < model.n; u++) {
      const label = values[model.unit[u]];
      fills[u] = label < 0 ? turns : label % turns;
      most = Math.max(most, label);
    }
    const swatches = Array.from({ length: most + 1 }, (_, label) =>
      ({ text: `module ${label}`, colour: palette[label % turns], key: name.slice(7), label }));
    return { fills, palette, swatches };
  }
  if (model.texts[name]) {
    const { codes, names } = model.texts[name], palette = model.about.palette;
    for (let u = 0; u < model.n; u++) fills[u] = codes[model.unit[u]] % palette.length;
    const swatches = names.map((text, i) => ({ text, colour: palette[i % palette.length] }));
    return { fills, palette, swatches };
  }
  if (!values) return { fills, palette: [model.about.palette[0]], swatches: [] };
  const [low, high] = model.ranges?.[name] ?? finiteRange(Array.from(model.unit, (id) => values[id]));
  const palette = Array.from({ length: GRADES }, (_, i) => between(SCALE, i / (GRADES - 1)));
  palette.push("#8a8a8a");
  for (let u = 0; u < model.n; u++) {
    const value = values[model.unit[u]];
    fills[u] = Number.isFinite(value)
      ? Math.round((GRADES - 1) * (high > low ? (value - low) / (high - low) : 0)) : GRADES;
  }
  return { fills, palette, swatches: [], scale: [low, high] };
}

function finiteRange(values) {
  let low = Infinity, high = -Infinity;
  for (const value of values) {
    if (Number.isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
  }
  return [low, high];
}

// A colour that can be told from the paper: mixed with white until it can, if the paper is dark.
function legible(colour, paper) {
  const light = (hex) => {
    const [r, g, b] = rgb(hex).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
  };
  let mixed = colour;
  for (let t = 0; light(paper) < 0.2 && light(mixed) < 3 * light(paper) && t < 1; t += 0.05) {
    mixed = between([colour, "#ffffff"], t);
  }
  return mixed;
}

function between(colours, at) {
  const place = at * (colours.length - 1), i = Math.min(Math.floor(place), colours.length - 2);
  const a = rgb(colours[i]), b = rgb(colours[i + 1]);
  const mixed = a.map((v, k) => Math.round(v + (b[k] - v) * (place - i)));
  return `#${mixed.map((v) => v.toString(16).padStart(2, "0")).join("")}`;
}

function showLegend(model, { swatches, palette, scale }, onModule) {
  const legend = document.getElementById("legend");
  legend.replaceChildren();
  for (const { text, colour, key, label } of swatches.slice(0, 40)) {
    const entry = make(label === undefined ? "span" : "button", undefined, { class: "entry" });
    if (label !== undefined) {
      entry.type = "button";
      entry.addEventListener("click", () => onModule(key, [label]));
    }
    const dot = make("span", undefined, { class: "dot" });
    dot.style.background = colour;
    entry.append(dot, text);
    legend.append(entry);
  }
  if (swatches.length > 40) legend.append(make("span", `and ${swatches.length - 40} more`));
  if (scale) {
    const bar = make("span", undefined, { class: "bar", role: "img", "aria-label": "colour scale" });
    bar.style.background = `linear-gradient(to right, ${palette.slice(0, GRADES).join(",")})`;
    legend.append(numberText(scale[0]), bar, numberText(scale[1]));
  }
}
