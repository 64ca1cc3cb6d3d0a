// A sound file to samples, by the browser's own decoders.

import { RecordingError } from "./sound.js";

const USUAL_RATE = 48000; // of what browsers and telephones record

/** The channels of a file, (samples,) Float32Array each, and their rate. */
export async function decodeFile(file, limits) {
  const bytes = await file.arrayBuffer().catch(() => {
    throw new RecordingError("unreadable");
  });
  if (!bytes.byteLength) throw new RecordingError("empty");
  const context = contextFor(writtenRate(new DataView(bytes)) ?? USUAL_RATE);
  const sound = await context.decodeAudioData(bytes).catch(() => {
    throw new RecordingError("unreadable");
  });
  if (!sound.length) throw new RecordingError("empty");
  if (sound.duration > limits.longest) throw new RecordingError("tooLong", { minutes: limits.longest / 60 });
  return { channels: Array.from({ length: sound.numberOfChannels }, (_, i) => sound.getChannelData(i)), rate: sound.sampleRate };
}

/** Decoders resample to the rate of their context. With the file's own rate they leave the samples as they are. */
function contextFor(rate) {
  try {
    return new OfflineAudioContext(1, 1, rate);
  } catch {
    return new OfflineAudioContext(1, 1, USUAL_RATE); // this browser knows no such rate
  }
}

/** The rate in the header of a wav or flac file, where it is easily found. */
function writtenRate(view) {
  const text = (place) => (place + 4 > view.byteLength ? "" : String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(place + i))));
  if (text(0) === "fLaC" && view.byteLength > 21) return view.getUint32(18) >>> 12;
  if (text(0) !== "RIFF" || text(8) !== "WAVE") return null;
  for (let place = 12; place + 16 <= view.byteLength; place += 8 + view.getUint32(place + 4, true)) {
    if (text(place) === "fmt ") return view.getUint32(place + 12, true);
  }
  return null;
}
