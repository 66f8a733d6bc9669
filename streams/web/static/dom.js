// Elements from data. Text is always set as text, never parsed: what a target answered cannot become markup.

const SVG = "http://www.w3.org/2000/svg";

// h("a.name", {href: "#/"}, "text", child, [more]): a tag with classes, attributes, and children. null and false are none.
export function h(tag, attributes = {}, ...children) {
  return made(document.createElement(tag.split(".")[0]), tag, attributes, children);
}

export function svg(tag, attributes = {}, ...children) {
  return made(document.createElementNS(SVG, tag.split(".")[0]), tag, attributes, children);
}

function made(element, tag, attributes, children) {
  const classes = tag.split(".").slice(1);
  if (classes.length) element.setAttribute("class", classes.join(" "));
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

// Puts text into an element only if it is another: what has not changed is not announced, selected text stays selected.
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export async function get(path, signal) {
  const response = await fetch(path, { signal, headers: { Accept: "application/json" } });
  const body = await response.json();
  if (!response.ok && !("ok" in body)) throw new Error(body.error ?? `status ${response.status}`);
  return body;
}
