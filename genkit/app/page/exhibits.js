// Examples as elements: a text, a picture, a sound with its spectrogram, a video that moves.

import { made } from "./elements.js";
import { Heard } from "./sound.js";

const SUFFIX = { "image/png": "png", "image/gif": "gif", "image/webp": "webp", "audio/wav": "wav" };

/** What one is called, where nobody says. */
const called = (item) => item.caption || `${item.kind === "stream" ? "sound" : item.kind} ${item.number + 1}`;

export function exhibit(item) {
  const figure = made("figure", { className: item.kind });
  if (item.kind === "text") {
    if (item.caption) figure.append(made("p", { className: "asked" }, item.caption));
    figure.append(made("pre", { tabIndex: 0, "aria-label": `text ${item.number + 1}` }, item.text));
    if (item.said) figure.append(made("figcaption", {}, item.said));
    return figure;
  }
  if (item.kind === "stream") {  // what a sound is until it is whole
    figure.heard = new Heard(item, called(item));
    figure.append(figure.heard.element, made("figcaption", {}, item.caption));
    return figure;
  }
  if (item.kind === "sound") {
    figure.append(
      made("img", { src: item.picture, alt: `spectrogram of ${called(item)}` }),
      made("audio", { controls: true, preload: "metadata", src: item.address, "aria-label": called(item) }),
    );
  } else {
    figure.append(made("img", { src: item.address, alt: called(item), width: item.width, height: item.height }));
  }
  figure.append(made("figcaption", {}, item.caption ? `${item.caption} ` : "", saved(item)));
  return figure;
}

/** A link that keeps the very file. */
function saved(item) {
  const type = item.address.slice(5, item.address.indexOf(";"));
  const name = `sample-${item.number}.${SUFFIX[type] ?? "bin"}`;
  return made("a", { href: item.address, download: name, "aria-label": `save ${called(item)}` }, "save");
}

const SHOWN = 128;  // pixels of the page that a small picture takes at least, about

/** Classes of the box that holds such items, which is as wide as suits them: of a small picture whole pixels. */
export function laidOut(box, item) {
  box.classList.toggle("texts", item.kind === "text");
  box.classList.toggle("sounds", item.kind === "sound" || item.kind === "stream");
  const { width } = item;
  if (!width) return;
  const small = width <= SHOWN, times = Math.max(1, Math.round(SHOWN / width));
  box.style.setProperty("--cell", `${small ? times * width + 2 : Math.min(240, width)}px`);
  box.style.setProperty("--pixels", `${small ? width : 1}px`);
}
