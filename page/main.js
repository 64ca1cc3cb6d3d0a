// The page: what is pressed, what is shown. The networks are in worker.js, the sound is in sound.js.

import { decodeFile } from "./decode.js";
import { message } from "./messages.js";
import { record } from "./recorder.js";
import { between, RecordingError, wavFile } from "./sound.js";
import { paintPicture, paintSpectrogram } from "./paint.js";

const find = (name) => document.getElementById(name);
const page = await fetch(new URL("./page.json", import.meta.url)).then((response) => response.json()).catch(() => {
  const error = new RecordingError("notLoaded", { name: "page.json" });
  fail(error);
  throw error;
});
const { limits } = page;
const heard = []; // recordings of which a sentence was understood: {title, embedding}
let noise = page.noise, recorder = null, shown = null;

// --- the worker ---

const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
const waiting = new Map();
let calls = 0, loading = null;

worker.onmessage = ({ data }) => {
  if ("progress" in data) return (find("progress").value = data.progress);
  const { resolve, reject } = waiting.get(data.id);
  waiting.delete(data.id);
  data.error ? reject(new RecordingError(data.error.code, data.error.values)) : resolve(data.result);
};
worker.onerror = () => waiting.forEach(({ reject }) => reject(new RecordingError("tooOld", { missing: "module workers" })));

function call(action, argument, transfer = []) {
  return new Promise((resolve, reject) => {
    waiting.set(++calls, { resolve, reject });
    worker.postMessage({ id: calls, action, argument }, transfer);
  });
}

/** The networks are loaded once, when the page is opened, or where data are to be saved, when they are needed. */
function load() {
  loading ??= call("load", page).then(() => {
    find("loading").hidden = true;
    document.body.dataset.ready = "";
  });
  find("loading").hidden = "ready" in document.body.dataset;
  return loading;
}

// --- what is said to the reader ---

function say(text, isError = false) {
  find("status").textContent = text;
  find("status").classList.toggle("error", isError);
}

function fail(error) {
  console.warn(error);
  say(message(error), true);
}

/** Run something that the reader has asked for; what goes wrong is said. */
const attempt = (work) => async (...given) => {
  try {
    await work(...given);
  } catch (error) {
    fail(error);
  }
};

// --- pictures ---

const turns = new WeakMap(); // a row of pictures -> how often it was begun anew

/** Draw one embedding with every noise into a row of canvases; whoever begins after us has the row for itself. */
async function drawRow(row, embedding, title, onFirst = () => {}) {
  const turn = (turns.get(row) ?? 0) + 1;
  turns.set(row, turn);
  row.replaceChildren(...noise.map((_, i) => row.children[i] ?? emptyPicture()));
  const pictures = [];
  for (const [i, values] of noise.entries()) {
    const pixels = await call("draw", { embedding, noise: Float32Array.from(values) });
    if (turns.get(row) !== turn) return null;
    paintPicture(row.children[i], pixels, page.size);
    row.children[i].setAttribute("aria-label", `Picture ${i + 1} of ${noise.length} for ${title}`);
    if (!i) onFirst();
    pictures.push(pixels);
  }
  return pictures;
}

function emptyPicture() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = page.size;
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "being drawn");
  return canvas;
}

/** On a phone the pictures would be out of sight. */
function show(element) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const { top } = element.getBoundingClientRect();
  if (top > innerHeight * 0.7 || top < 0) element.scrollIntoView({ behavior: calm ? "auto" : "smooth" });
}

function emitted(name, detail) {
  document.dispatchEvent(new CustomEvent(name, { detail }));
}

// --- from a recording to pictures ---

/** Understand a recording and draw each of its sentences. `meant` is the picture that an example was said about. */
async function translate(sound, title, { meant, asked = performance.now() } = {}) {
  say("Loading the networks, then drawing …");
  await load();
  say("Listening …");
  const recording = await call("hear", sound);
  find("results").replaceChildren();
  find("after").hidden = false;
  shown = { sound, rows: [] };
  show(find("drawn"));
  const began = performance.now();
  let first = null;
  for (const [i, sentence] of recording.sentences.entries()) {
    const name = recording.sentences.length > 1 ? `${title}, sentence ${i + 1}` : title;
    heard.unshift({ title: name, embedding: sentence.embedding });
    const card = showSentence(sentence, name, meant);
    if (card.unlike) continue;
    await card.draw(() => (first ??= performance.now()));
  }
  offerMix();
  const last = performance.now();
  const drawn = shown.rows.filter((row) => row.pictures).length;
  const seconds = (milliseconds) => (milliseconds / 1000).toFixed(1);
  const done = drawn ? `Drawn: the first picture after ${seconds(first - asked)} s, all after ${seconds(last - asked)} s.` : "Not drawn, see below.";
  say(recording.clipped ? `${done} It was recorded too loudly: the tops of its waves are cut off.` : done);
  emitted("translated", { rows: shown.rows, milliseconds: { hear: began - asked, first: first && first - asked, all: last - asked } });
}

function familiarity({ cosines, score }) {
  if (!cosines || !page.reference) return null;
  const nearest = cosines.reduce((best, cosine, i) => (cosine > cosines[best] ? i : best), 0);
  return { score, unlike: score < page.reference.threshold, nearest: page.reference.captions[nearest], cosine: cosines[nearest] };
}

/** The card of one sentence, which is drawn when it is asked to. */
function showSentence(sentence, title, meant) {
  const card = find("sentence").content.firstElementChild.cloneNode(true);
  const part = (name) => card.querySelector(`.${name}`);
  part("title").textContent = title;
  paintSpectrogram(part("spectrogram"), sentence.frames);
  const length = (sentence.end - sentence.start).toFixed(1);
  part("heard").textContent = `${length} s of speech, ${sentence.frames.columns} × ${sentence.frames.bands} energies, ${sentence.embedding.length} numbers`;
  if (meant) {
    part("meant").hidden = false;
    part("meant").querySelector("img").src = meant;
  }
  find("results").append(card);
  const row = { sentence, title, familiarity: familiarity(sentence), pictures: null };
  shown.rows.push(row);
  const draw = async (onFirst) => {
    part("pictures").hidden = false;
    row.pictures = (await drawRow(part("pictures"), sentence.embedding, title, onFirst)) ?? row.pictures;
  };
  row.draw = draw;
  if (row.familiarity) {
    const { unlike, nearest, cosine } = row.familiarity;
    part("nearest").textContent = `Nearest of the sentences it was taught: “${nearest}” (cosine ${cosine.toFixed(2)})`;
    if (unlike) {
      part("unlike").hidden = false;
      part("anyway").onclick = attempt(async () => {
        part("unlike").hidden = true;
        await draw();
        emitted("drawn", row);
      });
    }
  }
  return { unlike: row.familiarity?.unlike, draw };
}

find("others").onclick = attempt(async () => {
  const uniform = () => 1 - Math.random();
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  noise = noise.map((values) => values.map(normal));
  for (const row of shown.rows) if (row.pictures) await row.draw();
  await drawMix();
});

const player = new Audio();

function play(address) {
  player.src = address;
  player.play().catch(() => {}); // without loudspeakers it is drawn all the same
}

/** An address of the recording as it came in, good for ten minutes. */
function addressOfRecording() {
  const address = URL.createObjectURL(wavFile(shown.sound.channels, shown.sound.rate));
  setTimeout(() => URL.revokeObjectURL(address), 600_000);
  return address;
}

find("play").onclick = () => play(addressOfRecording());
find("save").onclick = () => Object.assign(document.createElement("a"), { href: addressOfRecording(), download: "recording.wav" }).click();

// --- ways in: microphone, file, example ---

const button = find("speak");
let clock = null, opening = false, spoken = 0;

async function startRecording() {
  load().catch(fail);
  opening = true;
  say("Waiting for the microphone …");
  try {
    recorder = await record((level) => button.style.setProperty("--level", level));
  } finally {
    opening = false;
  }
  const began = performance.now();
  button.setAttribute("aria-pressed", "true");
  find("speak-label").textContent = "Stop and draw";
  say("Recording. Say one sentence, then press again.");
  clock = setInterval(() => {
    const seconds = (performance.now() - began) / 1000;
    find("clock").textContent = `${seconds.toFixed(0)} s`;
    if (seconds >= limits.longestSentence) button.click();
  }, 200);
}

async function stopRecording() {
  const asked = performance.now(), running = recorder;
  recorder = null;
  clearInterval(clock);
  find("clock").textContent = "";
  button.setAttribute("aria-pressed", "false");
  button.style.removeProperty("--level");
  find("speak-label").textContent = "Speak";
  await translate(await running.stop(), `Your recording ${++spoken}`, { asked });
}

button.onclick = attempt(async () => {
  if (opening) return;
  await (recorder ? stopRecording() : startRecording());
});

const takeFile = attempt(async (file) => {
  if (!file) return;
  say(`Reading ${file.name} …`);
  await translate(await decodeFile(file, limits), file.name);
});

find("file").onchange = async ({ target }) => {
  const [file] = target.files;
  target.value = ""; // the same file may be chosen again
  await takeFile(file);
};
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  takeFile(event.dataTransfer.files[0]);
});

async function soundOf(example) {
  const response = await fetch(new URL(example.sound, import.meta.url));
  return decodeFile(await response.blob(), limits);
}

document.querySelectorAll("[data-example]").forEach((control) => {
  const example = page.examples[control.dataset.example];
  control.onclick = attempt(async () => {
    play(new URL(example.sound, import.meta.url));
    await translate(await soundOf(example), `“${example.caption}”`, { meant: example.meant });
  });
});

let suggestion = 0;
find("suggest").onclick = () => {
  suggestion = (suggestion + 1) % page.captions.length;
  find("suggestion").textContent = page.captions[suggestion];
};

// --- two recordings mixed ---

const sides = [find("first"), find("second")];

/** Recordings of the reader come first; examples are always there. */
function offerMix() {
  const titles = [...heard.map(({ title }) => title), ...page.examples.map(({ caption }) => `“${caption}”`)];
  const unique = [...new Set(titles)];
  const [newest, next] = unique, before = sides[1].value;
  for (const select of sides) select.replaceChildren(...unique.map((title) => new Option(title, title)));
  sides[0].value = newest;
  sides[1].value = before && before !== newest ? before : next;
  return drawMix();
}

async function embeddingOf(title) {
  const known = heard.find((one) => one.title === title);
  if (known) return known.embedding;
  const example = page.examples.find(({ caption }) => `“${caption}”` === title);
  example.embedding ??= (await call("hear", await soundOf(example))).sentences[0].embedding;
  return example.embedding;
}

async function drawMix() {
  if (!("ready" in document.body.dataset) || !sides[0].value) return;
  const share = find("share").value / 100;
  find("share").setAttribute("aria-valuetext", `${Math.round(100 * share)} % of the second recording`);
  const [first, second] = [await embeddingOf(sides[0].value), await embeddingOf(sides[1].value)];
  const embedding = between(first, second, share);
  const pictures = await drawRow(find("mix"), embedding, `the mixture, ${Math.round(100 * share)} % of the second recording`);
  if (pictures) emitted("mixed", { share, embedding, pictures });
}

find("share").oninput = attempt(drawMix);
sides.forEach((select) => (select.onchange = attempt(drawMix)));

// --- beginning ---

function missing() {
  const simd = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11];
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(Uint8Array.from(simd))) return "WebAssembly with SIMD";
  if (typeof AudioWorkletNode !== "function" && window.isSecureContext) return "AudioWorklet";
  return typeof OfflineAudioContext === "function" ? null : "OfflineAudioContext";
}

const lacks = missing();
if (lacks) {
  fail(new RecordingError("tooOld", { missing: lacks }));
} else {
  document.body.dataset.works = "";
  say("");
  offerMix();
  if (!navigator.connection?.saveData) load().then(drawMix).catch(fail);
}
