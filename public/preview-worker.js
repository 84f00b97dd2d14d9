// The preview's Web Worker: holds the chosen picture, and renders the part of the result that is asked for with the
// kernels that the worker daemons run. Buffers are transferred, not copied.
import init, { input_region, output_size, render } from "/pkg/preview.js";

const ready = init({ module_or_path: "/pkg/preview_bg.wasm" });
let picture = null;

/** The pixels of `rectangle` of the picture, four bytes each. */
function pixels([x, y, width, height]) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, x, y, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** `data` of `size`, scaled to `to`. */
function scaled(data, size, to) {
  const full = new OffscreenCanvas(size[0], size[1]);
  full.getContext("2d").putImageData(new ImageData(data, size[0], size[1]), 0, 0);
  const context = new OffscreenCanvas(to[0], to[1]).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  context.drawImage(full, 0, 0, to[0], to[1]);
  return context.getImageData(0, 0, to[0], to[1]).data;
}

function view({ serial, recipe, left, top, width, height, fit }) {
  const image = [picture.width, picture.height];
  const whole = output_size(recipe, ...image);
  let part;
  if (fit) {
    part = [0, 0, whole[0], whole[1]];
  } else {
    const size = [Math.min(width, whole[0]), Math.min(height, whole[1])];
    const at = (start, all, shown) => Math.max(0, Math.min(all - shown, Math.round(start)));
    part = [at(left, whole[0], size[0]), at(top, whole[1], size[1]), ...size];
  }
  const region = input_region(recipe, ...image, Uint32Array.from(part));
  const input = pixels(region);
  const began = performance.now();
  let after = new Uint8ClampedArray(render(recipe, ...image, region, new Uint8Array(input.buffer), Uint32Array.from(part)).buffer);
  const milliseconds = performance.now() - began;
  // Where the result has another shape there is no pixel of the original that belongs to it.
  let before = whole[0] === image[0] && whole[1] === image[1] ? pixels(part) : null;
  let shown = [part[2], part[3]];
  if (fit) {
    const factor = Math.min(1, width / whole[0], height / whole[1]);
    const to = whole.length ? [Math.max(1, Math.round(whole[0] * factor)), Math.max(1, Math.round(whole[1] * factor))] : shown;
    after = scaled(after, shown, to);
    before = before && scaled(before, shown, to);
    shown = to;
  }
  const answer = { serial, left: part[0], top: part[1], width: shown[0], height: shown[1], whole: [...whole], milliseconds, after, before };
  postMessage(answer, before ? [after.buffer, before.buffer] : [after.buffer]);
}

async function handle(message) {
  if (message.file) {
    picture?.close();
    picture = null;
    picture = await createImageBitmap(message.file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    return;
  }
  await ready;
  if (picture) view(message);
}

// One after the other: a view is of the picture that was sent before it.
let last = Promise.resolve();
onmessage = ({ data }) => {
  last = last
    .then(() => handle(data))
    .catch((error) => postMessage({ serial: data.serial ?? 0, error: String(error.message ?? error) }));
};
