// One sentence for every reason why nothing is drawn: what happened, and what helps.

const REASONS = {
  refused: () => "The browser may not use the microphone. Allow it for this page (the symbol beside the address), or choose a sound file.",
  noMicrophone: () => "No microphone was found. Connect one, or choose a sound file.",
  busy: () => "The microphone cannot be opened; another program may be using it. Close that one, or choose a sound file.",
  insecure: () => "Browsers give a page the microphone only over https or from this machine (localhost). Choose a sound file instead.",
  tooOld: ({ missing }) => `This browser is too old for this page: it lacks ${missing}. Use one of 2023 or newer.`,
  notLoaded: ({ name }) => `The file ${name} could not be loaded. Reload the page; if it stays so, the page was not built or copied as a whole.`,
  empty: () => "The file is empty. Record it again.",
  unreadable: () => "This is not a sound file that the browser can read. Try wav, mp3, m4a, ogg or flac.",
  silent: () => "The recording is silent. Check that the right microphone is chosen and not muted, and record again.",
  noSpeech: () => "No speech was found in the recording. Speak closer to the microphone, in a quieter place.",
  tooShort: ({ seconds }) => `${seconds.toFixed(1)} s of sound are too short. Say a whole sentence.`,
  tooLong: ({ minutes }) => `The recording is longer than ${minutes} minutes. Cut out the sentences to be drawn.`,
  noPause: ({ seconds, longest }) => `${seconds.toFixed(0)} s without a pause are too long for one sentence. Say at most ${longest} s, then pause.`,
  tooMany: ({ count, most }) => `${count} sentences are too many. At most ${most} are drawn at a time.`,
  broken: ({ reason }) => `Something went wrong that should not have (${reason}). Reload the page and try again.`,
};

export function message({ code, values, message: reason }) {
  return (REASONS[code] ?? REASONS.broken)(values ?? { reason });
}
