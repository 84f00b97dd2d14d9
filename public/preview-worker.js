// The preview's Web Worker: decodes the chosen picture with the server's decoders, holds it, and renders the part of the
// result that is asked for with the kernels that the worker daemons run. Buffers are transferred, not copied.
let kernels = null;
let picture = null;
// The file of the picture, and the page of it where one was chosen; the newest that was sent, by its serial.
let file = null;
let page;
let newest = 0;
// A module that stopped in the middle of something is not used again: another is loaded under another address.
let loaded = 0;

async function load() {
  const module = await import(`./pkg/preview.js${loaded ? `?${loaded}` : ""}`);
  loaded += 1;
  await module.default({ module_or_path: new URL("pkg/preview_bg.wasm", self.location.href) });
  return module;
}

/** Decodes `page` of `file`, or the page that is the image. */
async function read() {
  kernels ??= await load();
  kernels.Picture.check_file(file.size);
  return kernels.Picture.read(new Uint8Array(await file.arrayBuffer()), page);
}

async function open({ serial, file: chosen, page: number }) {
  picture?.free();
  picture = null;
  file = chosen;
  page = number;
  try {
    picture = await read();
    postMessage({ serial, kind: picture.kind(), format: picture.format(), size: [...picture.size()] });
  } catch (error) {
    file = null;
    postMessage({ serial, unseen: reason(error) });
  }
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

const clamped = (bytes) => new Uint8ClampedArray(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Whether no pixel of `data` lets anything through: a canvas gives back the colours of such pixels only. */
function isOpaque(data) {
  for (let at = 3; at < data.length; at += 4) if (data[at] !== 255) return false;
  return true;
}

function view({ serial, recipe, left, top, width, height, fit }) {
  const image = picture.size();
  const whole = picture.output_size(recipe);
  let part;
  if (fit) {
    part = [0, 0, whole[0], whole[1]];
  } else {
    const size = [Math.min(width, whole[0]), Math.min(height, whole[1])];
    const at = (start, all, shown) => Math.max(0, Math.min(all - shown, Math.round(start)));
    part = [at(left, whole[0], size[0]), at(top, whole[1], size[1]), ...size];
  }
  const rectangle = Uint32Array.from(part);
  const began = performance.now();
  let after = clamped(picture.render(recipe, rectangle));
  const milliseconds = performance.now() - began;
  // Where the result has another shape there is no pixel of the original that belongs to it.
  let before = whole[0] === image[0] && whole[1] === image[1] ? clamped(picture.original(rectangle)) : null;
  const opaque = isOpaque(after);
  let shown = [part[2], part[3]];
  if (fit) {
    const factor = Math.min(1, width / whole[0], height / whole[1]);
    const to = [Math.max(1, Math.round(whole[0] * factor)), Math.max(1, Math.round(whole[1] * factor))];
    after = scaled(after, shown, to);
    before = before && scaled(before, shown, to);
    shown = to;
  }
  const answer = {
    serial, left: part[0], top: part[1], width: shown[0], height: shown[1], whole: [...whole],
    format: picture.output_format(recipe), opaque, milliseconds, after, before,
  };
  postMessage(answer, before ? [after.buffer, before.buffer] : [after.buffer]);
}

/** What went wrong, as a sentence. */
function reason(error) {
  if (error instanceof WebAssembly.RuntimeError) {
    kernels = null;
    picture = null;
    return "the preview ran out of memory or gave up on this picture";
  }
  return String(error.message ?? error);
}

async function handle(message) {
  // Nobody waits for a picture after which another was chosen, nor for a part of it.
  if (message.serial < newest) return;
  if (message.file) return open(message);
  if (!file) return;
  picture ??= await read();
  view(message);
}

// One after the other: a view is of the picture that was sent before it.
let last = Promise.resolve();
onmessage = ({ data }) => {
  if (data.file) newest = data.serial;
  last = last
    .then(() => handle(data))
    .catch((error) => postMessage({ serial: data.serial ?? 0, error: reason(error) }));
};
