// A talk with one run: questions and answers, one below the other, and what is said next.

import { made } from "./elements.js";

export class Talk {
  constructor(name) {
    this.said = [];  // by the visitor and by the run in turn
    this.log = made("ol", { className: "talk", role: "log", "aria-label": `talk with ${name}` });
  }

  /** Say something; returns all that has been said. */
  ask(text) {
    this.add("asks", text);
    this.answer = this.add("answers", "");
    this.question = text;
    return [...this.said, text];
  }

  add(who, text) {
    const line = made("li", { className: who }, text);
    this.log.append(line);
    line.scrollIntoView({ block: "nearest" });
    return line;
  }

  piece(text) {
    this.answer.append(text);
    this.answer.scrollIntoView({ block: "nearest" });
  }

  /** The answer is whole, or was stopped: what stands there was said. */
  answered() {
    this.said.push(this.question, this.answer.textContent);
  }

  /** Whether this is what was said last. */
  heard(text) {
    return this.said.at(-2) === text;
  }

  /** It was refused: nothing was said. */
  unsaid() {
    this.answer.previousSibling.remove();
    this.answer.remove();
  }
}
