// Dark or light: as the system has it, as the reader says, and light on paper.

function makeTheme(onChange) {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  document.getElementById("theme").addEventListener("click", () => {
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
    onChange();
  });
  dark.addEventListener("change", onChange);
  addEventListener("beforeprint", () => { root.dataset.printing = ""; onChange(); });
  addEventListener("afterprint", () => { delete root.dataset.printing; onChange(); });
}

// What every page does with its tables and figures; the last line tells tests that it is done.
async function finish() {
  for (const each of document.querySelectorAll("main .scroll > table:has(caption)")) makeSortable(each);
  await showFigures();
  document.documentElement.dataset.ready = "";
}

function begin(main, line) {
  main().catch((error) => {
    document.getElementById(line).textContent = `The data of this page cannot be read: ${error.message}`;
    throw error;
  });
}
