// Controls from what runs declare of their options: a type, a range, choices, a line of help.

import { chip, made } from "./elements.js";

let last = 0;

/** What of several runs is one control: options that are declared alike, with the runs that have them. */
export function merged(runs, verb) {
  const found = new Map();
  for (const run of runs) {
    for (const own of run.verbs[verb]) {
      const key = [own.name, own.kind, own.help, ...own.choices].join("\n");
      const known = found.get(key);
      if (known) known.runs.push(run);
      else found.set(key, { ...own, key, runs: [run] });
    }
  }
  return [...found.values()];
}

/** One control: its element, and `value()`, undefined where nothing is given. */
export class Control {
  constructor(declared, of = "") {
    this.declared = declared;
    this.name = declared.name;
    const id = `control-${(last += 1)}`;
    const parts = this.parts(id);
    const title = [declared.name.replaceAll("_", " ")];
    if (of) title.push(made("span", { className: "of" }, of));
    const label = this.labelled
      ? made("label", { htmlFor: id }, ...title)
      : made("div", { className: "name", id: `${id}-name` }, ...title);
    const help = made("p", { className: "help", id: `${id}-help` }, declared.help + this.range());
    this.element = made("div", { className: "control" }, label, ...parts, help);
    this.element.dataset.name = declared.name;
    for (const input of this.element.querySelectorAll("input, select, textarea")) {
      input.setAttribute("aria-describedby", help.id);
    }
  }

  range() {
    const { kind, low, high, above } = this.declared;
    if (kind !== "whole" && kind !== "number") return "";
    const said = (bound) => bound.toLocaleString("en", { maximumSignificantDigits: 12 });
    const from = low !== null ? `from ${said(low)}` : above !== null ? `above ${said(above)}` : "";
    return from ? ` (${from}${high !== null ? ` to ${said(high)}` : ""})` : "";
  }

  parts(id) {
    const { kind, many, choices } = this.declared;
    this.labelled = true;
    if (kind === "switch") return this.toggled(id);
    if (kind === "choice" && many) return this.several(id);
    if (kind === "choice") return this.chosen(id);
    if (kind === "text") return this.written(id);
    return this.counted(id, choices);
  }

  toggled(id) {
    const input = made("input", { type: "checkbox", id, checked: this.declared.default === true });
    this.value = () => (input.checked === this.declared.default ? undefined : input.checked);
    this.fill = (value) => { input.checked = value === true; };
    return [input];
  }

  chosen(id) {
    const { choices, default: usual } = this.declared;
    const open = usual === null ? [made("option", { value: "" }, "any")] : [];
    const input = made("select", { id }, ...open, ...choices.map((c) => made("option", { value: c }, c)));
    input.value = usual ?? "";
    this.value = () => (input.value === (usual ?? "") ? undefined : input.value);
    this.fill = (value) => { input.value = value ?? ""; };
    return [input];
  }

  several(id) {
    this.labelled = false;
    const chips = this.declared.choices.map((c) => chip("checkbox", id, c, false, { value: c }));
    const box = made("div", { className: "labels", role: "group", "aria-labelledby": `${id}-name` }, ...chips);
    this.value = () => {
      const given = [...box.querySelectorAll("input:checked")].map((input) => input.value);
      return given.length ? given : undefined;
    };
    this.fill = (value) => box.querySelectorAll("input").forEach((input) => {
      input.checked = [value].flat().includes(input.value);
    });
    return [box];
  }

  written(id) {
    const { many, known = [], default: usual, first } = this.declared;
    const box = made("div", {});
    const one = (own) => {
      const about = { id: own, placeholder: usual || "", spellcheck: false };
      const input = first ? made("textarea", { ...about, rows: 3 }) : made("input", { type: "text", ...about });
      if (known.length && !first) input.setAttribute("list", `${id}-known`);
      input.setAttribute("aria-label", this.name);
      return input;
    };
    box.append(one(id));
    const parts = [box];
    if (known.length) {
      const pick = made("select", { "aria-label": `${this.name}: one that is known` },
        made("option", { value: "" }, "one that is known …"), ...known.map((k) => made("option", { value: k }, k)));
      pick.addEventListener("change", () => { if (pick.value) box.lastChild.value = pick.value; });
      parts.push(pick);
    }
    if (many) {
      const more = made("button", { type: "button", className: "more" }, `another ${this.name.replaceAll("_", " ")}`);
      more.addEventListener("click", () => { box.append(one("")); box.lastChild.focus(); });
      parts.push(more);
    }
    this.value = () => {
      const given = [...box.children].map((input) => input.value).filter((text) => text !== "");
      return given.length ? (given.length === 1 ? given[0] : given) : undefined;
    };
    this.fill = (value) => { box.replaceChildren(one(id)); box.firstChild.value = value ?? ""; };
    return parts;
  }

  counted(id) {
    const { kind, low, high, above, default: usual } = this.declared;
    const step = kind === "whole" ? 1 : "any";
    const input = made("input", {
      type: "number", id, step, min: low ?? above ?? "", max: high ?? "", placeholder: usual ?? "off",
      inputMode: kind === "whole" ? "numeric" : "decimal",
    });
    this.value = () => (input.value === "" ? undefined : Number(input.value));
    this.fill = (value) => { input.value = value ?? ""; input.dispatchEvent(new Event("input")); };
    // From what it is usually to twice as much is what one wants to try; any other number can be typed.
    const from = low ?? above ?? 0;
    const to = typeof usual === "number" ? Math.min(high ?? Infinity, 2 * usual) : high !== null && high <= 1 ? high : 0;
    if (this.name === "seed" || !(to > from)) return [made("div", { className: "alone" }, input)];
    const slider = made("input", {
      type: "range", min: from, max: to, step: kind === "whole" ? 1 : (to - from) / 100, value: usual ?? to,
      "aria-label": `${this.name}, slider`,
    });
    slider.addEventListener("input", () => { input.value = Number(Number(slider.value).toPrecision(4)); });
    input.addEventListener("input", () => { slider.value = input.value === "" ? usual ?? to : input.value; });
    return [made("div", { className: "pair" }, slider, input)];
  }
}
