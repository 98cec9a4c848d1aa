// One run's column: what it is, what it draws, how far it is, the command that repeats it.

import { made } from "./elements.js";
import { exhibit, laidOut } from "./exhibits.js";
import { Talk } from "./talk.js";
import { walk } from "./walk.js";

export class Column {
  constructor(run) {
    this.run = run;
    this.items = made("div", { className: "items" });
    this.progress = made("progress", { className: "progress idle", max: 1, "aria-label": `${run.name}: how far` });
    this.said = made("p", { className: "said" });
    this.talk = null;
    this.figures = [];
    this.command = made("div", { className: "command", hidden: true });
    const note = run.note ? [made("p", { className: "note" }, `Note: ${run.note}.`)] : [];
    this.element = made("section", { className: "run", "aria-label": run.name },
      made("h2", {}, run.name), made("p", { className: "about" }, run.about), ...note,
      this.said, this.progress, this.items, this.command);
    this.element.dataset.run = run.run;
  }

  /** In a talk with the run. */
  talks() {
    this.talk = new Talk(this.run.name);
    this.items.replaceChildren(this.talk.log);
    this.items.classList.add("texts");
    this.command.hidden = true;
    this.tell("");
  }

  begin() {
    if (!this.talk) this.items.replaceChildren();
    this.element.querySelectorAll(".progress ~ .note").forEach((note) => note.remove());
    this.figures = [];
    this.since = performance.now();
    this.tell("…");
    this.progress.removeAttribute("value");
    this.progress.classList.remove("idle");
    this.command.hidden = true;
  }

  tell(text, bad = false) {
    this.said.textContent = text;
    this.said.classList.toggle("error", bad);
  }

  /** What the server tells; returns the last word, where this ends it. */
  told(event) {
    if (event.event === "asked") {
      this.repeats(event.command);
      if (event.before) this.tell(`${event.before} before this one …`);
    } else if (event.event === "begun") {
      this.tell("drawing …");
    } else if (event.event === "progress") {
      this.progress.value = event.share;
    } else if (event.event === "sample" && !this.talk) {
      laidOut(this.items, event);
      const figure = exhibit(event);
      this.items.append(figure);
      this.figures[event.number] = figure;
    } else if (event.event === "whole") {
      const heard = this.figures[event.number].heard, whole = exhibit(event);
      heard.end();
      whole.append(heard.element);
      this.figures[event.number].replaceWith(whole);
    } else if (event.event === "walk") {
      this.items.classList.add("texts");
      this.items.append(walk(event));
    } else if (event.event === "note") {
      this.items.before(made("p", { className: "note" }, event.said));
    } else if (event.event === "piece") {
      if (this.talk) this.talk.piece(event.text);
      else this.more(event);
    } else if (event.event === "done") {
      this.talk?.answered();
      return this.end(`${((performance.now() - this.since) / 1000).toFixed(2)} s`);
    } else if (event.event === "stopped") {
      this.talk?.answered();
      return this.end("stopped");
    } else if (event.event === "error") {
      this.talk?.unsaid();
      return this.end(event.said, true);
    }
    return "";
  }

  /** More of a sample: a text that grows, or a sound that is heard meanwhile. */
  more(event) {
    const figure = this.figures[event.number];
    if (event.sound !== undefined) {
      figure.heard.add(event.sound);
      return;
    }
    const text = figure.querySelector("pre");
    const follows = text.scrollTop + text.clientHeight >= text.scrollHeight - 8;
    text.append(event.text);
    if (follows) text.scrollTop = text.scrollHeight;
  }

  /** What the command below reads beside the run: a mask that was painted. */
  masked(file) {
    if (this.mask) URL.revokeObjectURL(this.mask);
    this.mask = file ? URL.createObjectURL(file) : "";
  }

  end(said, bad = false) {
    this.progress.classList.add("idle");
    this.tell(said, bad);
    return `${this.run.name}: ${said}`;
  }

  repeats(command) {
    const copy = made("button", { type: "button", className: "more" }, "Copy");
    const code = made("code", { tabIndex: 0, "aria-label": "the command that repeats it" }, command);
    copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(command);
        copy.textContent = "Copied";
      } catch {
        getSelection().selectAllChildren(code);
      }
    });
    const more = this.mask ? [made("a", { href: this.mask, download: "mask.png" }, "mask.png")] : [];
    this.command.replaceChildren(code, made("div", { className: "beside" }, copy, ...more));
    this.command.hidden = false;
  }
}
