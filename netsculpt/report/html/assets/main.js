// The page of an analysis: its network, and its hierarchies, whose boxes choose modules there.

begin(async () => {
  const model = await networkOfPage();
  const { view, colour, ofModules, recolour } = makeNetwork(model);
  for (const box of document.querySelectorAll("g[data-members]")) {
    const act = () => {
      const wanted = `module_${box.dataset.key}`;
      if (colour.value !== wanted) { colour.value = wanted; recolour(); }
      ofModules(box.dataset.key, box.dataset.members.split(" ").map(Number));
      view.canvas.scrollIntoView({ block: "nearest" });
    };
    box.addEventListener("click", act);
    box.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); act(); }
    });
    const swatch = box.querySelector("[data-module]");
    swatch.style.fill = model.about.palette[swatch.dataset.module % model.about.palette.length];
  }
  await finish();
}, "view-said");
