// The texts of a page whose contrast to what is behind them is below 4.5 (WCAG 2.1, AA), and how much it is.
() => {
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (colour, below) => {
    pen.fillStyle = `rgb(${below.join(" ")})`; pen.fillRect(0, 0, 1, 1);
    pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => colour.map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (element) => {
    const above = element.parentElement ? behind(element.parentElement) : [255, 255, 255];
    return rgb(getComputedStyle(element).backgroundColor, above);
  };
  const found = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || element.closest(":disabled")) continue;
    if (element.closest(".chip")?.querySelector(":disabled")) continue;
    const ground = behind(element), text = rgb(getComputedStyle(element).color, ground);
    const [high, low] = [light(text), light(ground)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    const named = `${element.tagName}.${element.className} "${element.textContent.slice(0, 30)}"`;
    if (ratio < 4.5) found.push(`${named}: ${ratio.toFixed(2)}`);
  }
  return found;
}
