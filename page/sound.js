// From the samples of a file or a microphone to the sentences in them, as s2i_lib/decoding.py and s2i_lib/recordings.py do it.
// Nothing here knows a browser. Numbers that Python decides come in as `limits`, from page.json.

/** A recording that cannot be used: `code` names the reason, see messages.js, `values` are for its sentence. */
export class RecordingError extends Error {
  constructor(code, values = {}) {
    super(code);
    Object.assign(this, { code, values });
  }
}

/** Channels of one rate to a recording at `limits.rate`: mixed, without offset and rumble, as loud as it was recorded. */
export function readRecording(channels, rate, limits) {
  const seconds = channels[0].length / rate;
  if (seconds > limits.longest) throw new RecordingError("tooLong", { minutes: limits.longest / 60 });
  if (seconds < limits.shortest) throw new RecordingError("tooShort", { seconds });
  let atFullScale = 0;
  for (const channel of channels) {
    for (const value of channel) {
      if (!Number.isFinite(value)) throw new RecordingError("unreadable");
      if (Math.abs(value) >= limits.fullScale) atFullScale++;
    }
  }
  const waveform = mix(channels.map((channel) => resample(channel, rate, limits.rate)), limits.cancelled);
  const mean = waveform.reduce((sum, value) => sum + value, 0) / waveform.length;
  const clean = withoutRumble(waveform.map((value) => value - mean), limits);
  if (largest(clean) < limits.silence) throw new RecordingError("silent");
  return { waveform: clean, clipped: atFullScale > limits.clipped * channels.length * channels[0].length };
}

function largest(samples) {
  return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}

function power(samples) {
  let sum = 0, squares = 0;
  for (const value of samples) {
    sum += value;
    squares += value * value;
  }
  return squares / samples.length - (sum / samples.length) ** 2;
}

/** The mean of the channels, or the loudest one where they cancel each other out. */
function mix(channels, cancelled) {
  if (channels.length === 1) return channels[0];
  const mean = channels[0].map((_, i) => channels.reduce((sum, channel) => sum + channel[i], 0) / channels.length);
  const powers = channels.map(power);
  const most = Math.max(...powers);
  return power(mean) < cancelled * most ? channels[powers.indexOf(most)] : mean;
}

// The passband of the resampler that Python uses (soxr, "high quality") ends at 0.913 of the lower Nyquist frequency; nothing is
// left above that frequency. A windowed sinc of the same band: Kaiser's formulas, 100 dB.
const PASSBAND = 0.913, ATTENUATION = 100;

export function resample(samples, from, to) {
  if (from === to) return Float32Array.from(samples);
  const divisor = gcd(from, to), up = to / divisor, down = from / divisor;
  const nyquist = Math.min(1, to / from) / 2; // in cycles per input sample
  const cutoff = (nyquist * (1 + PASSBAND)) / 2;
  const half = Math.ceil((ATTENUATION - 8) / (2.285 * 2 * Math.PI * nyquist * (1 - PASSBAND)) / 2);
  const beta = 0.1102 * (ATTENUATION - 8.7), filters = [];
  for (let phase = 0; phase < up; phase++) {
    const filter = new Float64Array(2 * half);
    for (let tap = 0; tap < 2 * half; tap++) {
      const distance = tap - half + 1 - phase / up, inside = 1 - (distance / half) ** 2;
      filter[tap] = inside < 0 ? 0 : 2 * cutoff * sinc(2 * cutoff * distance) * (bessel(beta * Math.sqrt(inside)) / bessel(beta));
    }
    filters.push(filter);
  }
  const result = new Float32Array(Math.round((samples.length * up) / down));
  for (let i = 0; i < result.length; i++) {
    const first = Math.floor((i * down) / up) - half + 1, filter = filters[(i * down) % up];
    const end = Math.min(2 * half, samples.length - first);
    let sum = 0;
    for (let tap = Math.max(0, -first); tap < end; tap++) sum += filter[tap] * samples[first + tap];
    result[i] = sum;
  }
  return result;
}

const gcd = (a, b) => (b ? gcd(b, a % b) : a);
const sinc = (x) => (x ? Math.sin(Math.PI * x) / (Math.PI * x) : 1);

/** The modified Bessel function of the first kind and order zero. */
function bessel(x) {
  let term = 1, sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/** A high-pass filter: one biquad for each of `limits.qualities`. */
function withoutRumble(samples, limits) {
  for (const quality of limits.qualities) {
    const angle = (2 * Math.PI * limits.highPass) / limits.rate, cosine = Math.cos(angle), alpha = Math.sin(angle) / (2 * quality);
    const b = (1 + cosine) / 2 / (1 + alpha), a1 = (-2 * cosine) / (1 + alpha), a2 = (1 - alpha) / (1 + alpha);
    let x1 = 0, x2 = 0, y1 = 0, y2 = 0;
    samples = samples.map((x) => {
      const y = b * (x - 2 * x1 + x2) - a1 * y1 - a2 * y2;
      [x2, x1, y2, y1] = [x1, x, y1, y];
      return y;
    });
  }
  return samples;
}

/** Samples scaled to one root mean square, so that the distance to the microphone is no feature. */
export function setLevel(samples, level) {
  const gain = level / Math.max(1e-8, Math.sqrt(samples.reduce((sum, value) => sum + value * value, 0) / samples.length));
  return samples.map((value) => gain * value);
}

/** What the voice activity detector reads: the recording at one level, and a pause, so that its end is seen as one. */
export function forDetector(waveform, limits) {
  const padded = new Float32Array(waveform.length + Math.floor((limits.pause + limits.margin) * limits.rate));
  padded.set(setLevel(waveform, limits.level).map((value) => Math.min(1, Math.max(-1, value))));
  return padded;
}

// Silero VAD: 32 ms a frame, and what it calls speech by default.
export const FRAME = 512, CONTEXT = 64;
const SPEECH = 0.5, NO_SPEECH = 0.35;

/** First and last samples of the stretches of speech, from the detector's probability for every frame. */
export function stretchesOfSpeech(probabilities, samples, limits) {
  const pause = limits.pause * limits.rate, shortest = limits.shortestSpeech * limits.rate, margin = limits.margin * limits.rate;
  const found = [];
  let start = null, silentFrom = null;
  const end = (sample) => {
    if (sample - start > shortest) found.push([start, sample]);
    start = silentFrom = null;
  };
  probabilities.forEach((probability, frame) => {
    const sample = frame * FRAME;
    if (probability >= SPEECH) {
      silentFrom = null;
      start ??= sample;
    } else if (probability < NO_SPEECH && start !== null) {
      silentFrom ??= sample;
      if (sample - silentFrom >= pause) end(silentFrom);
    }
  });
  if (start !== null) end(samples);
  return found.map(([first, last]) => [Math.max(0, first - margin), Math.min(samples, last + margin)]);
}

/** The sentences of a recording: {start, end} in seconds, and the waveform that the encoder reads. */
export function cutSentences(waveform, stretches, limits) {
  if (!stretches.length) throw new RecordingError("noSpeech");
  if (stretches.length > limits.mostSentences) throw new RecordingError("tooMany", { count: stretches.length, most: limits.mostSentences });
  return stretches.map(([start, end]) => {
    const seconds = (end - start) / limits.rate;
    if (seconds > limits.longestSentence) throw new RecordingError("noPause", { seconds, longest: limits.longestSentence });
    const sentence = new Float32Array(Math.max(end - start, Math.floor(limits.shortestSentence * limits.rate)));
    sentence.set(setLevel(waveform.subarray(start, end), limits.level));
    return { start: start / limits.rate, end: end / limits.rate, waveform: sentence };
  });
}

/** The path from one embedding to another along the sphere, its length changing evenly: `share` 0 to 1. */
export function between(first, second, share) {
  const length = (v) => Math.sqrt(v.reduce((sum, x) => sum + x * x, 0));
  const lengths = [length(first), length(second)];
  const cosine = first.reduce((sum, x, i) => sum + x * second[i], 0) / (lengths[0] * lengths[1]);
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const weights = angle < 1e-4 ? [1 - share, share] : [1 - share, share].map((part) => Math.sin(part * angle) / Math.sin(angle));
  const total = (1 - share) * lengths[0] + share * lengths[1];
  return first.map((x, i) => total * ((weights[0] * x) / lengths[0] + (weights[1] * second[i]) / lengths[1]));
}

/** A wav file of 32-bit floats, which keep every sample as it is. */
export function wavFile(channels, rate) {
  const frame = 4 * channels.length, bytes = frame * channels[0].length, view = new DataView(new ArrayBuffer(44 + bytes));
  const text = (place, letters) => [...letters].forEach((letter, i) => view.setUint8(place + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + bytes, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true); // bytes of what follows: floats, channels, rate, bytes a second, bytes a frame, bits a sample
  [3, channels.length].forEach((value, i) => view.setUint16(20 + 2 * i, value, true));
  [rate, frame * rate].forEach((value, i) => view.setUint32(24 + 4 * i, value, true));
  [frame, 32].forEach((value, i) => view.setUint16(32 + 2 * i, value, true));
  text(36, "data");
  view.setUint32(40, bytes, true);
  channels.forEach((channel, c) => channel.forEach((value, i) => view.setFloat32(44 + frame * i + 4 * c, value, true)));
  return new Blob([view], { type: "audio/wav" });
}
