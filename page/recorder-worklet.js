// Runs beside the sound hardware and hands over what it hears, 2,048 samples at a time, and nothing more after "stop".

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(2048);
    this.filled = 0;
    this.recording = true;
    this.port.onmessage = () => {
      this.recording = false;
      this.port.postMessage(this.block.slice(0, this.filled));
      this.port.postMessage(null);
    };
  }

  process([channels]) {
    if (!this.recording) return false;
    if (!channels.length) return true;
    this.block.set(channels[0], this.filled); // 128 samples, of which 2,048 are a multiple
    this.filled += channels[0].length;
    if (this.filled >= this.block.length) {
      this.port.postMessage(this.block.slice());
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
