export const byId = (id) => document.getElementById(id);

/** An element. Text only ever becomes a text node, so that no title can bring markup with it. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

/** A bar from 0 to 1; null where the end is not known. */
export function bar(value, label) {
  const element = make("progress", { max: 1, "aria-label": label });
  setBar(element, value);
  return element;
}

export function setBar(element, value) {
  if (value === null || value === undefined) element.removeAttribute("value");
  else element.value = value;
}
