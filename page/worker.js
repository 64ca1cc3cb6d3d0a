// The networks, away from the thread that shows the page: onnxruntime-web on one core of the processor.

import * as ort from "./ort/ort.wasm.bundle.min.mjs";
import { CONTEXT, FRAME, cutSentences, forDetector, readRecording, RecordingError, stretchesOfSpeech } from "./sound.js";

const BLOCK = 512; // frames of the voice activity detector at a time
let limits, detector, encoder, generator;

async function fetchAll(files) {
  const total = files.reduce((sum, file) => sum + file.bytes, 0);
  let loaded = 0;
  const load = async ({ name }) => {
    const response = await fetch(new URL(name, import.meta.url)).catch(() => null);
    if (!response?.ok) throw new RecordingError("notLoaded", { name });
    const parts = [], reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      parts.push(part.value);
      loaded += part.value.length;
      postMessage({ progress: Math.min(1, loaded / total) });
    }
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  };
  return Promise.all(files.map(load));
}

const actions = {
  /** Fetch and start everything, and draw once, since the first time takes longest. */
  async load(page) {
    limits = page.limits;
    const { runtime, ...networks } = page.files;
    const [binary, ...graphs] = await fetchAll([runtime, networks.detector, networks.encoder, networks.generator]);
    Object.assign(ort.env.wasm, { wasmBinary: binary, numThreads: 1 });
    [detector, encoder, generator] = await Promise.all(graphs.map((graph) => ort.InferenceSession.create(graph)));
    const second = Float32Array.from({ length: limits.rate }, (_, i) => limits.level * Math.sin(i / 5));
    const { embedding } = await encode({ waveform: second });
    await actions.draw({ embedding, noise: new Float32Array(page.noiseDim) });
  },

  /** What is said in a recording: each sentence with its embedding. */
  async hear({ channels, rate }) {
    const { waveform, clipped } = readRecording(channels, rate, limits);
    const stretches = stretchesOfSpeech(await speechProbabilities(forDetector(waveform, limits)), waveform.length, limits);
    const sentences = [];
    for (const sentence of cutSentences(waveform, stretches, limits)) sentences.push(await encode(sentence));
    return { clipped, sentences };
  },

  /** One picture: (size, size, 3) pixels as a Uint8Array. */
  async draw({ embedding, noise }) {
    const row = (values) => new ort.Tensor("float32", values, [1, values.length]);
    return (await generator.run({ noise: row(noise), embedding: row(embedding) })).pixels.data;
  },
};

async function encode(sentence) {
  const { waveform } = sentence;
  const results = await encoder.run({ waveform: new ort.Tensor("float32", waveform, [waveform.length]) });
  const [bands, columns] = results.frames.dims;
  return {
    ...sentence,
    embedding: results.embedding.data,
    frames: { values: results.frames.data, bands, columns },
    cosines: results.cosines?.data,
    score: results.score?.data[0],
  };
}

/** The probability of speech in every frame; each frame is read together with the end of the one before. */
async function speechProbabilities(samples) {
  const count = Math.ceil(samples.length / FRAME), padded = new Float32Array(CONTEXT + count * FRAME), found = [];
  padded.set(samples, CONTEXT);
  let [h, c] = [0, 1].map(() => new ort.Tensor("float32", new Float32Array(128), [1, 1, 128]));
  for (let first = 0; first < count; first += BLOCK) {
    const frames = Math.min(BLOCK, count - first), input = new Float32Array(frames * (CONTEXT + FRAME));
    for (let frame = 0; frame < frames; frame++) {
      const start = (first + frame) * FRAME;
      input.set(padded.subarray(start, start + CONTEXT + FRAME), frame * (CONTEXT + FRAME));
    }
    const results = await detector.run({ input: new ort.Tensor("float32", input, [frames, CONTEXT + FRAME]), h, c });
    found.push(...results.speech_probs.data);
    [h, c] = [results.hn, results.cn];
  }
  return found;
}

onmessage = async ({ data: { id, action, argument } }) => {
  try {
    postMessage({ id, result: await actions[action](argument) });
  } catch (error) {
    postMessage({ id, error: { code: error.code ?? "broken", values: error.values ?? { reason: String(error.message ?? error) } } });
  }
};
