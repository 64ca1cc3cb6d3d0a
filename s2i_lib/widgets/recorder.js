// The browser's own recorder (MediaRecorder) as a widget: its bytes go to Python as they are, and nowhere else.

const REFUSED = {
  NotAllowedError: "The browser may not use the microphone: allow it beside the address of this page, or upload a file.",
  NotFoundError: "There is no microphone: connect one, or upload a file.",
  NotReadableError: "Another program uses the microphone: close it, or upload a file.",
};

function render({ model, el }) {
  const button = document.createElement("button");
  button.className = "jupyter-button widget-button s2i-record";
  const meter = Object.assign(document.createElement("meter"), { max: 0.5, title: "level" });
  const time = document.createElement("span");
  el.classList.add("s2i-recorder");
  el.append(button, meter, time);
  let recorder, watch;

  function show(recording) {
    button.textContent = recording ? "■ Stop and draw" : "● Record";
    button.classList.toggle("mod-danger", recording);
    meter.hidden = time.hidden = !recording;
  }

  async function start() {
    if (!navigator.mediaDevices) throw new Error("This page may not use a microphone: open it at localhost or by https, or upload a file.");
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const context = new AudioContext(), analyser = context.createAnalyser(), wave = new Float32Array(2048), parts = [];
    context.createMediaStreamSource(stream).connect(analyser);
    recorder = new MediaRecorder(stream);
    recorder.ondataavailable = (event) => parts.push(event.data);
    recorder.onstop = async () => {
      clearInterval(watch);
      stream.getTracks().forEach((track) => track.stop());
      context.close();
      show(false);
      model.set({ refused: "", value: new DataView(await new Blob(parts).arrayBuffer()) });
      model.save_changes();
    };
    const began = Date.now();
    watch = setInterval(() => {
      analyser.getFloatTimeDomainData(wave);
      meter.value = Math.max(...wave.map(Math.abs));
      time.textContent = `${((Date.now() - began) / 1000).toFixed(1)} s`;
    }, 100);
    recorder.start();
    show(true);
  }

  button.onclick = async () => {
    if (recorder?.state === "recording") return recorder.stop();
    try {
      await start();
    } catch (error) {
      model.set("refused", REFUSED[error.name] ?? error.message);
      model.save_changes();
    }
  };
  show(false);
  return () => recorder?.state === "recording" && recorder.stop();
}

export default { render };
