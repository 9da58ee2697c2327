// Files that are saved and given back.

import { base64 } from "./picture";

/** Bytes of a backup that the interface reads at most: the wallet's host takes no more at once. */
export const MAX_BACKUP_BYTES = 32 * 1024 * 1024;

/** Bytes of one document at most. */
export const MAX_DOCUMENT_BYTES = 8 * 1024 * 1024;

/** Bytes of a base64 text. */
export function bytes(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** A file's name for a day: `yufu-backup-2026-11-28.yufu`. */
export function dated(name: string, end: string, now: Date): string {
  return `${name}-${now.getFullYear()}-${String(now.getMonth() + 1).padStart(2, "0")}-${String(now.getDate()).padStart(2, "0")}.${end}`;
}

/** A file that was chosen, as commands take it. */
export type Chosen = { name: string; contents: string };

export async function chosen(file: File): Promise<Chosen> {
  return { name: file.name, contents: await base64(file) };
}
