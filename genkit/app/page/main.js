// The page: runs, what to do with them, what is asked, a column for each.

import { Column } from "./column.js";
import { Control, merged } from "./controls.js";
import { by, chip, made } from "./elements.js";
import { Example } from "./example.js";
import { asked, refusal } from "./stream.js";

const MODES = [
  { name: "draw", title: "Draw", able: (run) => "draw" in run.verbs },
  { name: "walk", title: "Walk", able: (run) => "walk" in run.verbs },
  { name: "complete", title: "Complete", able: (run) => "complete" in run.verbs },
];
const OF_FILES = ["label", "fit"];  // words that say something of a file, and nothing of an example of the data

const state = { runs: [], mode: MODES[0], controls: [], columns: new Map(), abort: null, kept: new Map(), example: null };

const chosen = () => state.runs.filter((run) => state.on.has(run.run) && state.mode.able(run));

async function begin() {
  const answer = await fetch("runs");
  if (!answer.ok) throw new Error(await refusal(answer));
  Object.assign(state, await answer.json());
  state.on = new Set(state.runs.map((run) => run.run));
  by("runs").append(...state.runs.map((run) => {
    const own = chip("checkbox", "run", run.name, true, { value: run.run });
    own.title = run.about;
    own.firstChild.addEventListener("change", ({ target }) => {
      target.checked ? state.on.add(run.run) : state.on.delete(run.run);
      shown();
    });
    return own;
  }));
  const modes = MODES.filter((mode) => state.runs.some(mode.able));
  by("modes").hidden = modes.length < 2;
  by("modes").append(...modes.map((mode) => {
    const own = chip("radio", "mode", mode.title, mode === state.mode, { value: mode.name });
    own.firstChild.addEventListener("change", () => { state.mode = mode; stop(); shown(true); });
    return own;
  }));
  shown(true);
}

/** Controls and columns of the runs that are switched on. */
function shown(anew = false) {
  for (const control of state.controls) state.kept.set(control.declared.key, control.value());
  const runs = chosen(), first = [], plain = [], rest = [];
  for (const declared of merged(runs, state.mode.name)) {
    const of = declared.runs.length < runs.length ? declared.runs.map((run) => run.name).join(", ") : "";
    const control = new Control(declared, of);
    control.runs = declared.runs;
    const usual = ["whole", "number"].includes(declared.kind) && declared.default !== null;
    (declared.first ? first : usual ? plain : rest).push(control);
  }
  state.controls = [...first, ...plain, ...rest];
  for (const control of state.controls) {
    const kept = state.kept.get(control.declared.key);
    if (kept !== undefined) control.fill(kept);
  }
  const more = rest.length
    ? [made("details", {}, made("summary", {}, "More options"), ...rest.map((control) => control.element))] : [];
  by("controls").replaceChildren(...[...first, ...plain].map((control) => control.element), ...more);
  if (anew) state.columns.clear();
  for (const run of runs) if (!state.columns.has(run.run)) state.columns.set(run.run, new Column(run));
  const columns = runs.map((run) => state.columns.get(run.run).element);
  by("stage").replaceChildren(...begunWith(runs), ...columns);
  if (!runs.length) by("stage").append(made("p", { className: "empty" }, "No run that can do this is switched on."));
  by("go").textContent = state.mode.title;
  by("go").disabled = !runs.length;
}

/** Where something is completed, what is begun with. */
function begunWith(runs) {
  if (state.mode.name !== "complete" || !runs.length) return [];
  if (state.example?.run !== runs[0]) {
    state.example = new Example(runs[0]);
    state.example.beside = wordsOf;
    state.example.changed = sayingOfFiles;
    state.example.load();
  }
  sayingOfFiles();
  return [state.example.element];
}

/** What says something of a file is asked where there is one. */
function sayingOfFiles() {
  for (const control of state.controls) {
    const idle = state.mode.name === "complete" && !state.example.key && OF_FILES.includes(control.name);
    control.element.hidden = idle;
  }
}

/** What is asked of one run, by the words of a command. */
function wordsOf(run) {
  const words = {}, completes = state.mode.name === "complete";
  for (const control of state.controls) {
    const value = control.value();
    if (value === undefined || !control.runs.includes(run)) continue;
    if (completes && !state.example?.key && OF_FILES.includes(control.name)) continue;
    words[control.name] = value;
  }
  return words;
}

async function draw() {
  stop();
  const runs = chosen();
  if (!runs.length) return;
  const abort = new AbortController(), mode = state.mode.name, said = [];
  state.abort = abort;
  by("stop").disabled = false;
  by("status").textContent = "drawing";
  runs.forEach((run) => state.columns.get(run.run).begin());
  const first = state.columns.get(runs[0].run).element;
  if (first.getBoundingClientRect().top > innerHeight - 200) first.scrollIntoView();  // below, as on a phone
  const more = {};
  if (mode === "complete") {
    try {
      const { word, file } = await state.example.hidden.word();
      Object.assign(more, { in: state.example.word, mask: word });
      runs.forEach((run) => state.columns.get(run.run).masked(file));
    } catch (error) {
      runs.forEach((run) => state.columns.get(run.run).end(error.message, true));
      return;
    }
  }
  await Promise.all(runs.map((run) => {
    const column = state.columns.get(run.run);
    return asked(mode, { run: run.run, words: { ...wordsOf(run), ...more } }, abort.signal, (event) => {
      const last = column.told(event);
      if (last) said.push(last);
    });
  }));
  if (state.abort === abort) {
    by("stop").disabled = true;
    by("status").textContent = said.join("; ");
  }
}

function stop() {
  state.abort?.abort();
  state.abort = null;
  by("stop").disabled = true;
}

by("asked").addEventListener("submit", (event) => { event.preventDefault(); draw(); });
by("stop").addEventListener("click", stop);
by("again").addEventListener("click", () => {
  for (const seed of state.controls.filter((control) => control.name === "seed")) seed.fill((seed.value() ?? 0) + 1);
  draw();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); draw(); }
});
begin().catch((error) => by("stage").replaceChildren(made("p", { className: "said error" }, error.message)));
