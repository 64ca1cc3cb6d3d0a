// Pixels and spectrograms to canvases.

export function paintPicture(canvas, pixels, size) {
  const image = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) {
    image.data.set(pixels.subarray(3 * i, 3 * i + 3), 4 * i);
    image.data[4 * i + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

const COLOURS = [[13, 27, 42], [22, 72, 99], [28, 126, 124], [121, 178, 92], [248, 214, 109], [255, 248, 220]];

/** Bands (low ones below) by columns; the quietest value is dark. */
export function paintSpectrogram(canvas, { values, bands, columns }) {
  [canvas.width, canvas.height] = [columns, bands];
  const sorted = Float32Array.from(values).sort();
  const [low, high] = [0.05, 0.995].map((share) => sorted[Math.floor(share * (sorted.length - 1))]);
  const image = new ImageData(columns, bands);
  for (let band = 0; band < bands; band++) {
    for (let column = 0; column < columns; column++) {
      const level = Math.min(1, Math.max(0, (values[band * columns + column] - low) / (high - low || 1)));
      image.data.set(colour(level), 4 * ((bands - 1 - band) * columns + column));
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function colour(level) {
  const place = level * (COLOURS.length - 1), below = Math.min(COLOURS.length - 2, Math.floor(place));
  return [...COLOURS[below].map((value, i) => value + (place - below) * (COLOURS[below + 1][i] - value)), 255];
}
