// The page: runs, what to do with them, what is asked, a column for each.

import { Column } from "./column.js";
import { Control, merged } from "./controls.js";
import { by, chip, made } from "./elements.js";
import { asked, refusal } from "./stream.js";

const MODES = [
  { name: "draw", title: "Draw", path: "draw", able: () => true, common: ["n", "seed"], options: true },
];

const state = { runs: [], common: [], mode: MODES[0], controls: [], columns: new Map(), abort: null, kept: new Map() };

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
  for (const control of state.controls) state.kept.set(control.name, control.value());
  const runs = chosen();
  const made_ = [];
  for (const name of state.mode.common) {
    made_.push(new Control(state.common.find((own) => own.name === name)));
  }
  const own = state.mode.options ? merged(runs) : [];
  const first = [], plain = [], rest = [];
  for (const declared of own) {
    const of = declared.runs.length < runs.length ? declared.runs.map((run) => run.name).join(", ") : "";
    const control = new Control(declared, of);
    control.runs = declared.runs;
    (declared.first ? first : ["whole", "number"].includes(declared.kind) ? plain : rest).push(control);
  }
  state.controls = [...first, ...made_, ...plain, ...rest];
  for (const control of state.controls) {
    const kept = state.kept.get(control.name);
    if (kept !== undefined) control.fill(kept);
  }
  const more = rest.length
    ? [made("details", {}, made("summary", {}, "More options"), ...rest.map((c) => c.element))] : [];
  by("controls").replaceChildren(...[...first, ...made_, ...plain].map((c) => c.element), ...more);
  if (anew) state.columns.clear();
  for (const run of runs) if (!state.columns.has(run.run)) state.columns.set(run.run, new Column(run));
  by("stage").replaceChildren(...runs.map((run) => state.columns.get(run.run).element));
  if (!runs.length) by("stage").append(made("p", { className: "empty" }, "No run is switched on that can do this."));
  by("go").textContent = state.mode.title;
  by("go").disabled = !runs.length;
}

/** What is asked of one run. */
function plainOf(run) {
  const plain = { run: run.run, options: {} };
  for (const control of state.controls) {
    const value = control.value();
    if (value === undefined) continue;
    if (!control.runs) plain[control.name] = value;
    else if (control.runs.includes(run)) plain.options[control.name] = value;
  }
  return plain;
}

async function draw() {
  stop();
  const runs = chosen();
  if (!runs.length) return;
  const abort = new AbortController();
  state.abort = abort;
  by("stop").disabled = false;
  by("status").textContent = "drawing";
  const said = [];
  await Promise.all(runs.map((run) => {
    const column = state.columns.get(run.run);
    column.begin();
    return asked(state.mode.path, plainOf(run), abort.signal, (event) => {
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
  const seed = state.controls.find((control) => control.name === "seed");
  seed.fill((seed.value() ?? 0) + 1);
  draw();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") stop();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); draw(); }
});
begin().catch((error) => by("stage").replaceChildren(made("p", { className: "said error" }, error.message)));
