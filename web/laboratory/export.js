// What a person takes along: the figures as CSV, pictures and figures as PNG.

const PAD = 16;
const LINE = 22;
const BACK = "#0d1015";
const INK = "#e7ebf1";
const SOFT = "#9ba7b6";

// Rows of numbers (null: not measured) under their names, as RFC 4180 has it; times are seconds before the export.
export function csv(names, [times, ...columns]) {
  const lines = times.map((time, row) => [time.toFixed(3), ...columns.map((column) => cell(column[row]))].join(","));
  return [["seconds", ...names].join(","), ...lines, ""].join("\r\n");
}

const cell = (value) => (value === null ? "" : String(+value.toPrecision(7)));

// A name with the moment in it that sorts well and every system allows.
export function fileName(what, suffix, date = new Date()) {
  const moment = date.toISOString().slice(0, 19).replaceAll(":", "").replace("T", "-");
  return `confcodec-${what}-${moment}.${suffix}`;
}

// pictures: [[canvas, title]], drawn side by side at their own size; lines: what stands below. A promise of a Blob.
export function snapshot(pictures, lines) {
  const canvas = document.createElement("canvas");
  canvas.width = pictures.reduce((sum, [{ width }]) => sum + width + PAD, PAD);
  const height = Math.max(...pictures.map(([picture]) => picture.height));
  canvas.height = height + 3 * PAD + LINE * (lines.length + 1);
  const context = canvas.getContext("2d", { alpha: false });
  context.fillStyle = BACK;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.textBaseline = "top";
  let x = PAD;
  for (const [picture, title] of pictures) {
    context.drawImage(picture, x, PAD + LINE);
    label(context, title, x, PAD, INK, `600 14px system-ui, sans-serif`);
    x += picture.width + PAD;
  }
  lines.forEach((line, i) => label(context, line, PAD, height + 2 * PAD + LINE * (i + 1), SOFT, "14px system-ui, sans-serif"));
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function label(context, text, x, y, colour, font) {
  context.font = font;
  context.fillStyle = colour;
  context.fillText(text, x, y);
}
