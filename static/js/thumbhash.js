// The public ThumbHash format: a blurred picture of about 30 pixels across out of at most 25 bytes.

export function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Paints the hash into a small canvas and returns it; its style decides its size on the page. Null for no hash. */
export function paint(base64, canvas = document.createElement("canvas")) {
  if (!base64) return null;
  const { width, height, pixels } = decode(bytesOf(base64));
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

export function decode(hash) {
  const first = hash[0] | (hash[1] << 8) | (hash[2] << 16);
  const second = hash[3] | (hash[4] << 8);
  const light = (first & 63) / 63;
  const yellow = ((first >> 6) & 63) / 31.5 - 1;
  const red = ((first >> 12) & 63) / 31.5 - 1;
  const lightScale = ((first >> 18) & 31) / 31;
  const hasAlpha = first >> 23;
  const yellowScale = ((second >> 3) & 63) / 63;
  const redScale = ((second >> 9) & 63) / 63;
  const landscape = second >> 15;
  const short = second & 7;
  const longest = hasAlpha ? 5 : 7;
  const across = Math.max(3, landscape ? longest : short);
  const down = Math.max(3, landscape ? short : longest);
  const alpha = hasAlpha ? (hash[5] & 15) / 15 : 1;
  const alphaScale = (hash[5] >> 4) / 15;

  // The waves follow as four bits each: the low frequencies of each channel, a triangle of them, row by row.
  let digit = 0;
  const start = hasAlpha ? 6 : 5;
  const waves = (columns, rows, scale) => {
    const found = [];
    for (let row = 0; row < rows; row++) {
      for (let column = row ? 0 : 1; column * rows < columns * (rows - row); column++) {
        found.push((((hash[start + (digit >> 1)] >> ((digit++ & 1) << 2)) & 15) / 7.5 - 1) * scale);
      }
    }
    return found;
  };
  const lights = waves(across, down, lightScale);
  const yellows = waves(3, 3, yellowScale * 1.25);
  const reds = waves(3, 3, redScale * 1.25);
  const alphas = hasAlpha ? waves(5, 5, alphaScale) : [];

  const aspect = (landscape ? longest : short) / (landscape ? short : longest);
  const width = Math.round(aspect > 1 ? 32 : 32 * aspect);
  const height = Math.round(aspect > 1 ? 32 / aspect : 32);
  const pixels = new Uint8ClampedArray(width * height * 4);
  const cosines = (count, size) =>
    Array.from({ length: size }, (_, place) =>
      Array.from({ length: count }, (_, wave) => Math.cos((Math.PI / size) * (place + 0.5) * wave)));
  const byColumn = cosines(Math.max(across, hasAlpha ? 5 : 3), width);
  const byRow = cosines(Math.max(down, hasAlpha ? 5 : 3), height);
  const sum = (base, values, columns, rows, fx, fy) => {
    let total = base;
    let place = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = row ? 0 : 1; column * rows < columns * (rows - row); column++) {
        total += values[place++] * fx[column] * fy[row] * 2;
      }
    }
    return total;
  };
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const fx = byColumn[x];
      const fy = byRow[y];
      const l = sum(light, lights, across, down, fx, fy);
      const p = sum(yellow, yellows, 3, 3, fx, fy);
      const q = sum(red, reds, 3, 3, fx, fy);
      const blue = l - (2 / 3) * p;
      const r = (3 * l - blue + q) / 2;
      pixels[at] = 255 * r;
      pixels[at + 1] = 255 * (r - q);
      pixels[at + 2] = 255 * blue;
      pixels[at + 3] = hasAlpha ? 255 * sum(alpha, alphas, 5, 5, fx, fy) : 255;
    }
  }
  return { width, height, pixels };
}
