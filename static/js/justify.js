// Rows of pictures that fill the width. Pure: only from the sides of the pictures, so nothing has to be loaded.

export const GAP = 4;
const NARROWEST = 0.45; // a panorama or a long receipt would otherwise leave its row without height
const WIDEST = 3.2;
export const UNKNOWN = 1.5; // a picture that is not opened yet

export function aspectOf(width, height) {
  return width && height ? Math.min(WIDEST, Math.max(NARROWEST, width / height)) : UNKNOWN;
}

/** Where each picture stands: { boxes: [{x, y, width, height}], height }. The last row keeps the wished height. */
export function justify(aspects, width, target, gap = GAP) {
  const boxes = [];
  let y = 0;
  let row = [];
  let sum = 0;
  const place = (rowHeight) => {
    let x = 0;
    row.forEach((aspect, index) => {
      const last = index === row.length - 1;
      const full = x + aspect * rowHeight;
      // Whole pixels, and the last one ends exactly at the edge: no hairlines between neighbours.
      const right = last && Math.abs(full - width) < row.length + 1 ? width : Math.round(full);
      boxes.push({ x, y, width: right - x, height: Math.round(rowHeight) });
      x = right + gap;
    });
    y += Math.round(rowHeight) + gap;
    row = [];
    sum = 0;
  };
  for (const aspect of aspects) {
    row.push(aspect);
    sum += aspect;
    const room = width - gap * (row.length - 1);
    if (sum * target >= room) {
      // Too many or one fewer: whichever is nearer to the wished height.
      const height = room / sum;
      const before = row.length > 1 ? (room + gap) / (sum - aspect) : Infinity;
      if (before - target < target - height) {
        row.pop();
        sum -= aspect;
        place(before);
        row.push(aspect);
        sum = aspect;
        if (sum * target >= width) place(width / sum);
      } else {
        place(height);
      }
    }
  }
  if (row.length) place(Math.min(target, (width - gap * (row.length - 1)) / sum));
  return { boxes, height: Math.max(0, y - gap) };
}

/** The height of a row for a person's density: phones show about half of it. */
export function rowHeight(wished, width) {
  return width < 600 ? Math.min(170, Math.max(84, Math.round(wished * 0.53))) : wished;
}
