// Elements of the page.

function make(tag, text, attributes = {}) {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Fill a choice, and say what it is changed to.
function options(id, entries, onChange) {
  const select = document.getElementById(id);
  select.replaceChildren(...entries.map(([value, text]) => make("option", text, { value })));
  select.addEventListener("change", () => onChange(select.value));
  return select;
}
