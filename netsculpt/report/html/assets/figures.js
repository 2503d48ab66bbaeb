// Figures: packed files become pictures, and links that save them.

const DOTS = 300 / 72; // pixels per point of a saved PNG
const KINDS = { svg: "image/svg+xml", pdf: "application/pdf", png: "image/png" };

async function showFigures() {
  for (const figure of document.querySelectorAll("figure[data-name]")) await showFigure(figure);
}

async function showFigure(figure) {
  const image = figure.querySelector("img"), saves = figure.querySelector(".saves");
  const urls = {};
  if (image.dataset.kind) urls[image.dataset.kind] = image.src; // stands in the page as it is
  for (const script of figure.querySelectorAll("script")) {
    const kind = script.dataset.kind;
    urls[kind] = URL.createObjectURL(new Blob([await inflated(script.textContent)], { type: KINDS[kind] }));
  }
  for (const [kind, href] of Object.entries(urls)) {
    saves.append(" ", make("a", `save as ${kind.toUpperCase()}`,
      { href, download: `${figure.dataset.name}.${kind}` }));
  }
  if (!image.dataset.kind) image.src = urls.svg ?? urls.png;
  await image.decode().catch(() => image.replaceWith(make("p", "This figure cannot be shown.")));
  if (urls.svg) {
    const button = make("button", "save as PNG", { type: "button", class: "link" });
    button.addEventListener("click", () => savePicture(image, `${figure.dataset.name}.png`));
    saves.append(" ", button);
  }
}

function savePicture(image, name) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth * DOTS * 0.75; // SVG lengths are in points, 96 pixels an inch
  canvas.height = image.naturalHeight * DOTS * 0.75;
  const context = canvas.getContext("2d");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  saveCanvas(canvas, name);
}

function saveCanvas(canvas, name) {
  canvas.toBlob((blob) => {
    const link = make("a", "", { href: URL.createObjectURL(blob), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
}
