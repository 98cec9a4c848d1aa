// A sound that is heard while it is drawn: what has come is played, and what is missing is waited for.

import { made } from "./elements.js";

const ENOUGH = 0.5;  // seconds that are waited for where drawing is slower than listening

export class Heard {
  /** Of a sound that is to have so many samples of each channel, and what it is called. */
  constructor({ rate, channels, samples }, name) {
    Object.assign(this, { rate, channels, samples, pieces: [], come: 0, told: 0, first: 0, since: 0, last: 0, whole: false });
    this.button = made("button", { type: "button", className: "more", "aria-label": `listen to ${name} while it is drawn` }, "Listen");
    this.said = made("span", { role: "status" });
    this.element = made("div", { className: "heard" }, this.button, this.said);
    this.button.addEventListener("click", () => (this.context ? this.stop() : this.play()));
    this.tell();
  }

  /** More of it: 16 bits a sample, channels in turn. */
  add(base64) {
    const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
    const numbers = new DataView(bytes.buffer), length = bytes.length / 2 / this.channels;
    const channels = Array.from({ length: this.channels }, (_, channel) => Float32Array.from(
      { length }, (_, i) => numbers.getInt16(2 * (i * this.channels + channel), true) / 32768));
    this.pieces.push(channels);
    this.come += length;
    this.last = performance.now();
    if (!this.first) Object.assign(this, { first: length, since: this.last });  // from here the pace is counted
    this.goOn();
  }

  end() {
    this.whole = true;
    this.goOn();
  }

  play() {
    this.context = new AudioContext();
    Object.assign(this, { told: 0, next: 0 });
    this.button.textContent = "Stop";
    this.goOn();
  }

  stop() {
    this.context?.close();
    this.context = null;
    this.button.textContent = "Listen";
    this.tell();
  }

  /** Whether what has come can be played: all, as much as is heard until the rest is there, or half a second. */
  get enough() {
    const left = this.samples - this.come, waiting = this.come - this.told, playing = this.next > this.context.currentTime;
    const pace = (this.come - this.first) / (this.last - this.since), rest = left / pace / 1000;  // seconds
    return waiting > 0 && (this.whole || playing || rest <= (this.samples - this.told) / this.rate || waiting / this.rate >= ENOUGH);
  }

  /** Queues what has come behind what is played. */
  goOn() {
    if (this.context && this.enough) {
      let begin = 0, all = 0;
      for (const piece of this.pieces) {
        all += piece[0].length;
        if (all <= this.told) begin += 1;
      }
      const parts = this.pieces.slice(begin), length = parts.reduce((sum, part) => sum + part[0].length, 0);
      const buffer = this.context.createBuffer(this.channels, length, this.rate);
      for (let channel = 0, at = 0; channel < this.channels; channel += 1, at = 0) {
        for (const part of parts) { buffer.copyToChannel(part[channel], channel, at); at += part[channel].length; }
      }
      const source = this.context.createBufferSource();
      source.buffer = buffer;
      source.connect(this.context.destination);
      this.next = Math.max(this.next, this.context.currentTime + 0.03);
      source.start(this.next);
      this.next += length / this.rate;
      this.told = this.come;
      source.addEventListener("ended", () => {
        if (this.context !== source.context) return;
        if (this.whole && this.told === this.come && this.next <= this.context.currentTime + 0.05) this.stop();
        else this.goOn();
        this.tell();
      });
    }
    this.tell();
  }

  tell() {
    const of = (samples) => (samples / this.rate).toFixed(2);
    const dry = this.context && this.next <= this.context.currentTime ? ", waiting for more" : "";
    this.element.dataset.told = this.told;
    this.said.textContent = this.whole ? "" : `${of(this.come)} of ${of(this.samples)} s${dry}`;
  }
}
