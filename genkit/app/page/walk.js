// A way between two latents: drawn at once, walked by dragging along it or by the arrow keys.

import { made } from "./elements.js";
import { exhibit } from "./exhibits.js";

export function walk(event) {
  const { steps, number, caption } = event;
  const place = made("div", { className: "place" });
  const slider = made("input", {
    type: "range", min: 0, max: steps.length - 1, value: 0, "aria-label": `walk ${number + 1}: where on the way`,
  });
  const pictured = steps[0].kind !== "sound" && steps[0].kind !== "text";
  const strip = made("div", { className: "strip", "aria-hidden": "true" }, ...(pictured
    ? steps.map((step) => made("img", { src: step.address, alt: "", draggable: false })) : []));
  const go = (step) => {
    slider.value = step;
    const way = `${Math.round(100 * step / Math.max(1, steps.length - 1))} %`;
    slider.setAttribute("aria-valuetext", way);
    place.replaceChildren(exhibit({ ...steps[step], number: step, caption: caption ? `${caption}, ${way}` : way }));
    strip.childNodes.forEach((image, i) => image.classList.toggle("here", i === step));
  };
  slider.addEventListener("input", () => go(Number(slider.value)));
  const dragged = (pointer) => {
    const box = strip.getBoundingClientRect();
    const share = Math.max(0, Math.min(0.9999, (pointer.clientX - box.left) / box.width));
    go(Math.floor(share * steps.length));
  };
  strip.addEventListener("pointerdown", (pointer) => { strip.setPointerCapture(pointer.pointerId); dragged(pointer); });
  strip.addEventListener("pointermove", (pointer) => { if (pointer.buttons) dragged(pointer); });
  go(0);
  return made("div", { className: "walk" }, place, strip, slider);
}
