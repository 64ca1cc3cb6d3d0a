// The microphone, as it is: no noise suppression, no automatic gain, no lossy coding on the way to the network.

import { RecordingError } from "./sound.js";

const REASONS = { NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "noMicrophone", NotReadableError: "busy" };

/** Record until `stop()`, which gives what decode.js gives. `onLevel` is told the loudness (0 to 1) a few times a second. */
export async function record(onLevel) {
  if (!navigator.mediaDevices?.getUserMedia) throw new RecordingError(window.isSecureContext ? "noMicrophone" : "insecure");
  const wishes = { channelCount: 1, echoCancellation: false, noiseSuppression: false, autoGainControl: false };
  const stream = await navigator.mediaDevices.getUserMedia({ audio: wishes }).catch((error) => {
    throw new RecordingError(REASONS[error.name] ?? "busy");
  });
  const context = new AudioContext(), blocks = [];
  const close = async () => {
    stream.getTracks().forEach((track) => track.stop());
    await context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL("./recorder-worklet.js", import.meta.url));
    await context.resume();
  } catch (error) {
    await close();
    throw error;
  }
  const node = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  const ended = new Promise((resolve) => {
    node.port.onmessage = ({ data }) => {
      if (!data) return resolve();
      blocks.push(data);
      onLevel(Math.min(1, 4 * Math.sqrt(data.reduce((sum, value) => sum + value * value, 0) / data.length)));
    };
  });
  context.createMediaStreamSource(stream).connect(node);
  return {
    async stop() {
      node.port.postMessage("stop");
      await ended;
      await close();
      const samples = new Float32Array(blocks.reduce((sum, block) => sum + block.length, 0));
      blocks.reduce((place, block) => (samples.set(block, place), place + block.length), 0);
      return { channels: [samples], rate: context.sampleRate };
    },
  };
}
