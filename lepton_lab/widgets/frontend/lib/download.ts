/** Gives bytes to the person as a file. */
export function download(name: string, type: string, bytes: DataView): void {
  const address = URL.createObjectURL(new Blob([bytes as DataView<ArrayBuffer>], { type }));
  const anchor = document.createElement("a");
  anchor.href = address;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}
