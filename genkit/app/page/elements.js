// Elements of the page, made without any text being read as HTML.

/** `made("p", { className: "said" }, "a text", another)` */
export function made(tag, about = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (name.startsWith("aria-") || name === "for" || name === "role") element.setAttribute(name, value);
    else if (value !== null && value !== undefined) element[name] = value;
  }
  element.append(...inside);
  return element;
}

/** A word to be switched on or off, or one of several. */
export function chip(type, name, text, checked, about = {}) {
  const input = made("input", { type, name, checked, ...about });
  return made("label", { className: "chip" }, input, made("span", {}, text));
}

export const by = (id) => document.getElementById(id);
