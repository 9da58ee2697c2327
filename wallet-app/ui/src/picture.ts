// Pictures that are chosen, dropped or pasted.

/** Bytes of a picture that is read for a QR code. */
export const MAX_PICTURE_BYTES = 5 * 1024 * 1024;
/** Bytes of a portrait. */
export const MAX_PORTRAIT_BYTES = 4 * 1024 * 1024;

/** Whether it is of a kind that the wallet reads. */
export function isPicture(file: Blob): boolean {
  return file.type === "image/png" || file.type === "image/jpeg";
}

/** The file of a paste or drop: the first picture, or else one that is refused with a word. */
export function pictureIn(data: DataTransfer | null): File | null {
  const files = [...(data?.files ?? [])];
  return files.find(isPicture) ?? (data?.getData("text/plain") ? null : (files[0] ?? null));
}

/** The bytes as base64, as commands take them. */
export async function base64(file: Blob): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
}
