// The example that a completion begins with: one of the data by its number, or a file of one's own.

import { made } from "./elements.js";
import { exhibit } from "./exhibits.js";
import { Hidden } from "./hidden.js";
import { asked, sent } from "./stream.js";

export class Example {
  /** Of the first of several runs; `changed` is called where another one is chosen. */
  constructor(run) {
    this.run = run;
    this.key = "";
    this.place = made("div", {});
    this.number = made("input", { type: "number", id: "example-number", min: 0, step: 1, value: 0 });
    const before = made("button", { type: "button", className: "more", "aria-label": "the example before" }, "‹");
    const after = made("button", { type: "button", className: "more", "aria-label": "the next example" }, "›");
    this.file = made("input", { type: "file", id: "example-file" });
    this.said = made("p", { className: "said", role: "status" });
    this.element = made("section", { className: "run example", "aria-label": "The example that is begun with" },
      made("h2", {}, "Begin with"),
      made("div", { className: "brushes" }, made("label", { htmlFor: "example-number" }, "example"), this.number, before, after),
      made("div", { className: "brushes" }, made("label", { htmlFor: "example-file" }, "or a file"), this.file),
      this.said, this.place);
    const step = (by) => { this.number.value = Math.max(0, Number(this.number.value) + by); this.chosen(); };
    before.addEventListener("click", () => step(-1));
    after.addEventListener("click", () => step(1));
    this.number.addEventListener("change", () => this.chosen());
    this.file.addEventListener("change", () => this.given());
  }

  /** What it is for: a part of it is hidden, or it is taken as it is. */
  ask(verb) {
    if (this.verb === verb) return;
    this.verb = verb;
    const marks = this.run.apart[verb].includes("mask");
    if (marks) this.marked ??= new Hidden(this.run, (file, name) => sent(file, name));
    else this.plain ??= new Shown();
    this.hidden = marks ? this.marked : this.plain;
    this.place.replaceChildren(this.hidden.element);
    this.load();
  }

  /** An example of the data. */
  chosen() {
    this.key = "";
    this.file.value = "";
    this.changed?.();
    return this.load();
  }

  async given() {
    const [file] = this.file.files;
    if (!file) return;
    this.tell("…");
    try {
      this.key = await sent(file, file.name);
      this.changed?.();
      await this.load();
    } catch (error) {
      this.tell(error.message, true);
    }
  }

  /** The words that it answers, and the file of a mask where something was painted. */
  async words() {
    const { word, file } = await this.hidden.word();
    return { words: { in: this.word, ...(word ? { mask: word } : {}) }, file };
  }

  get word() {
    return this.key ? `file:${this.key}` : String(this.number.value || 0);
  }

  tell(text, bad = false) {
    this.said.textContent = text;
    this.said.classList.toggle("error", bad);
  }

  /** Shows it; of what is said beside it, `words` gives what holds for files alone. */
  async load() {
    this.abort?.abort();
    this.abort = new AbortController();
    const notes = [];
    await asked(`example/${this.verb}`, { run: this.run.run, words: { in: this.word, ...this.beside?.(this.run) } }, this.abort.signal, (event) => {
      if (event.event === "sample") {
        this.hidden.show(event);
        this.tell(event.caption);
      } else if (event.event === "note") notes.push(event.said);
      else if (event.event === "error") this.tell(event.said, true);
      else if (event.event === "done" && notes.length) this.tell(notes.join(" "));
    });
  }
}

/** An example of which nothing is hidden. */
class Shown {
  constructor() {
    this.element = made("div", { className: "hiding" });
  }

  show(item) {
    this.element.replaceChildren(exhibit(item));
    this.element.querySelector("figcaption").remove();
    this.element.dataset.shown = item.caption;
  }

  async word() {
    return {};
  }
}
