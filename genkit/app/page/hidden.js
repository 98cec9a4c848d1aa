// What of an example is hidden: a part by its name, places that are painted, a stretch of time that is marked.

import { chip, made } from "./elements.js";

const PAINTED = "painted", STRETCH = "stretch";
const clamp = (x, low, high) => Math.max(low, Math.min(high, x));

export class Hidden {
  /** Of a run's examples; `sent(blob)` gives a file to the server and comes back with its key. */
  constructor(run, sent) {
    this.sent = sent;
    const { height, width, time } = run.size;
    this.plane = height && width ? { height, width } : null;
    this.time = time ?? 0;
    this.choice = run.rest || run.parts[0];
    this.picture = made("img", { alt: "the example", draggable: false });
    this.over = made("div", { className: "over" }, this.picture);
    this.sound = made("div", {});
    this.film = made("img", { alt: "the frames", draggable: false });  // the frames of what moves, side by side
    this.line = made("div", { className: "over film", hidden: true }, this.film);
    const ways = [...run.parts, ...(this.plane ? [PAINTED] : []), ...(this.time ? [STRETCH] : [])];
    this.ways = made("fieldset", { className: "labels" }, made("legend", {}, "What is hidden"),
      ...ways.map((way) => this.way(way)));
    this.element = made("div", { className: "hiding" }, this.over, this.line, this.sound, this.ways);
    if (this.plane) this.paints();
    if (this.time) this.marks();
    this.choose(this.choice);
  }

  way(name) {
    const own = chip("radio", "way", name, name === this.choice, { value: name });
    own.firstChild.addEventListener("change", () => this.choose(name));
    return own;
  }

  choose(name) {
    this.choice = name;
    this.ways.querySelectorAll("input").forEach((input) => { input.checked = input.value === name; });
    if (this.canvas) this.brushes.hidden = name !== PAINTED;
    if (this.ends) {
      this.ends.hidden = name !== STRETCH;
      this.span.hidden = name !== STRETCH;
    }
    this.redraw?.();
  }

  /** The example that is begun with. */
  show(item) {
    const sound = item.kind === "sound";
    this.picture.src = sound ? item.picture : item.address;
    this.picture.alt = item.caption || "the example";
    this.over.classList.toggle("sound", sound);
    this.line.hidden = !item.film;
    if (item.film) {
      this.film.src = item.film;
      this.film.alt = `the ${this.time} frames of ${this.picture.alt}`;
    }
    this.sound.replaceChildren(...(sound ? [made("audio", { controls: true, src: item.address, "aria-label": "the example" })] : []));
    this.element.dataset.shown = this.picture.alt;
  }

  // ---------------------------------------------------------------- painting

  paints() {
    const { height, width } = this.plane;
    this.mask = new Uint8Array(height * width);
    this.at = { x: Math.floor(width / 2), y: Math.floor(height / 2) };
    this.canvas = made("canvas", {
      width: 8 * width, height: 8 * height, tabIndex: 0, role: "application", className: "paint",
      "aria-label": "paint what is hidden: arrows move, Space paints, Delete clears",
    });
    this.over.append(this.canvas);
    const brush = made("input", { type: "range", min: 1, max: Math.max(2, Math.ceil(width / 4)), value: Math.max(1, Math.round(width / 10)) });
    const erase = chip("checkbox", "erase", "erase", false);
    const clear = made("button", { type: "button", className: "more" }, "clear");
    this.brushes = made("div", { className: "brushes" }, made("label", {}, "brush ", brush), erase, clear);
    this.element.append(this.brushes);
    clear.addEventListener("click", () => { this.mask.fill(0); this.redraw(); });
    const dab = (x, y, on) => {
      const radius = Number(brush.value) / 2;
      for (let row = 0; row < height; row += 1) {
        for (let column = 0; column < width; column += 1) {
          if (Math.hypot(column + 0.5 - x, row + 0.5 - y) <= Math.max(radius, 0.71)) this.mask[row * width + column] = on;
        }
      }
    };
    let last = null;
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width * width, y: (event.clientY - box.top) / box.height * height };
    };
    const stroke = (event) => {
      const here = place(event), on = erase.firstChild.checked || event.shiftKey ? 0 : 1;
      const from = last ?? here, steps = Math.ceil(Math.hypot(here.x - from.x, here.y - from.y) * 2) || 1;
      for (let i = 0; i <= steps; i += 1) dab(from.x + (here.x - from.x) * i / steps, from.y + (here.y - from.y) * i / steps, on);
      last = here;
      this.at = { x: clamp(Math.floor(here.x), 0, width - 1), y: clamp(Math.floor(here.y), 0, height - 1) };
      this.redraw();
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      this.canvas.setPointerCapture(event.pointerId);
      this.choose(PAINTED);
      last = null;
      stroke(event);
    });
    this.canvas.addEventListener("pointermove", (event) => { if (last && event.buttons) stroke(event); });
    this.canvas.addEventListener("pointerup", () => { last = null; });
    this.canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (move) {
        const step = event.shiftKey ? Number(brush.value) : 1;
        this.at = { x: clamp(this.at.x + move[0] * step, 0, width - 1), y: clamp(this.at.y + move[1] * step, 0, height - 1) };
      } else if (event.key === " ") {
        this.choose(PAINTED);
        dab(this.at.x + 0.5, this.at.y + 0.5, erase.firstChild.checked ? 0 : 1);
      } else if (event.key === "Delete") this.mask.fill(0);
      else return;
      event.preventDefault();
      this.redraw();
    });
    this.canvas.addEventListener("focus", () => this.redraw());
    this.canvas.addEventListener("blur", () => this.redraw());
    this.redraw = () => {
      const pen = this.canvas.getContext("2d"), look = getComputedStyle(this.element);
      pen.clearRect(0, 0, 8 * width, 8 * height);
      if (this.choice === PAINTED) {
        pen.fillStyle = look.getPropertyValue("--paint");
        this.mask.forEach((on, i) => { if (on) pen.fillRect(8 * (i % width), 8 * Math.floor(i / width), 8, 8); });
      }
      if (document.activeElement === this.canvas) {
        pen.strokeStyle = look.getPropertyValue("--paint");
        pen.lineWidth = 2;
        pen.strokeRect(8 * this.at.x + 1, 8 * this.at.y + 1, 6, 6);
      }
    };
  }

  /** White where something is painted, of the very size of an example. */
  async file() {
    const { height, width } = this.plane;
    const sheet = made("canvas", { width, height }), pen = sheet.getContext("2d");
    const pixels = pen.createImageData(width, height);
    this.mask.forEach((on, i) => pixels.data.set([255 * on, 255 * on, 255 * on, 255], 4 * i));
    pen.putImageData(pixels, 0, 0);
    return new Promise((done) => { sheet.toBlob(done, "image/png"); });
  }

  // ---------------------------------------------------------------- a stretch of time

  marks() {
    const half = Math.floor(this.time / 2);
    const end = (name, value) => made("input", { type: "range", min: 0, max: this.time, value, "aria-label": `${name} of what is hidden` });
    const [from, to] = [end("begin", half), end("end", this.time)];
    this.span = made("div", { className: "span" });
    const line = this.plane ? this.line : this.over;  // along which time goes
    line.append(this.span);
    const said = made("output", {});
    this.ends = made("div", { className: "brushes" }, made("label", {}, "from ", from), made("label", {}, "to ", to), said);
    this.element.append(this.ends);
    const shown = () => {
      const [a, b] = this.stretch();
      this.span.style.left = `${100 * a / this.time}%`;
      this.span.style.width = `${100 * (b - a) / this.time}%`;
      said.textContent = `${a} to ${b} of ${this.time}`;
    };
    this.stretch = () => {
      const [a, b] = [Number(from.value), Number(to.value)].sort((x, y) => x - y);
      return b > a ? [a, b] : a < this.time ? [a, a + 1] : [a - 1, a];
    };
    from.addEventListener("input", shown);
    to.addEventListener("input", shown);
    let begun = null;
    const place = (event) => {  // a frame is hidden as soon as it is touched
      const box = line.getBoundingClientRect(), share = clamp((event.clientX - box.left) / box.width, 0, 1);
      return this.plane ? Math.min(this.time - 1, Math.floor(share * this.time)) : Math.round(share * this.time);
    };
    const marked = (event) => {
      const here = place(event), whole = this.plane ? 1 : 0;
      from.value = Math.min(begun, here);
      to.value = Math.max(begun, here) + whole;
      shown();
    };
    line.addEventListener("pointerdown", (event) => {
      line.setPointerCapture(event.pointerId);
      this.choose(STRETCH);
      begun = place(event);
      marked(event);
    });
    line.addEventListener("pointermove", (event) => { if (begun !== null && event.buttons) marked(event); });
    line.addEventListener("pointerup", () => { begun = null; });
    shown();
  }

  // ---------------------------------------------------------------- asked

  /** The word `mask=`, and the file that it speaks of where it does. */
  async word() {
    if (this.choice === STRETCH) return { word: this.stretch().join(":") };
    if (this.choice !== PAINTED) return { word: this.choice };
    const file = await this.file();
    return { word: `file:${await this.sent(file, "mask.png")}`, file };
  }
}
