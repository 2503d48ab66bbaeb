// Packed bytes and arrays, as packing.py writes them.

const ARRAYS = {
  u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array, i4: Int32Array,
  f4: Float32Array, f8: Float64Array,
};

async function inflated(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function unpacked(text) {
  const bytes = await inflated(text);
  const length = new DataView(bytes.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + length)));
  const arrays = {};
  let start = 4 + length;
  for (const [name, kind, size, differences] of header.arrays) {
    const array = new ARRAYS[kind](size);
    const width = array.BYTES_PER_ELEMENT;
    joinPlanes(bytes, start, new Uint8Array(array.buffer), size, width);
    if (differences) for (let i = 1; i < size; i++) array[i] += array[i - 1];
    arrays[name] = array;
    start += size * width;
  }
  return { about: header.about, arrays };
}

// All first bytes come first, then all second bytes, …
function joinPlanes(from, start, to, size, width) {
  for (let plane = 0; plane < width; plane++) {
    const offset = start + plane * size;
    for (let i = 0, at = plane; i < size; i++, at += width) to[at] = from[offset + i];
  }
}

// Characters that change how text around them is shown are written as escapes.
function printable(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
}

function numberText(value, digits = 4) {
  if (!Number.isFinite(value)) return "–";
  const text = Number.isInteger(value) && Math.abs(value) < 1e15
    ? value.toLocaleString("en-US")
    : String(Number(value.toPrecision(digits)));
  return text.replace("-", "−").replace("e−", "e−").replace("e+", "e");
}
