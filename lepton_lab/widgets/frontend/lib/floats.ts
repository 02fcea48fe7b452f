// Typed arrays from the buffers of a message. They arrive as views at any offset, so they are copied.

function bytes(view: DataView): ArrayBuffer {
  return view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength) as ArrayBuffer;
}

export const f32 = (view: DataView): Float32Array => new Float32Array(bytes(view));
export const f64 = (view: DataView): Float64Array => new Float64Array(bytes(view));
export const i32 = (view: DataView): Int32Array => new Int32Array(bytes(view));
export const u8 = (view: DataView): Uint8Array => new Uint8Array(bytes(view));
