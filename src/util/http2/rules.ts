import { CODE, ConnectionError, FRAME_BYTES, LARGEST_FRAME, LARGEST_WINDOW, SETTING } from './frames.ts';
import type { FieldList } from './hpack.ts';

/** What a peer wants, as far as it matters here. */
export interface Settings {
  readonly initialWindow: number;
  readonly tableBytes?: number;
}

/** RFC 9113, section 6.5.2. */
export function readSettings(payload: Buffer, before: Settings): Settings {
  if (payload.length % 6 !== 0) throw new ConnectionError(CODE.frameSize, 'settings are cut off');
  let { initialWindow, tableBytes } = before;
  for (let at = 0; at < payload.length; at += 6) {
    const value = payload.readUInt32BE(at + 2);
    switch (payload.readUInt16BE(at)) {
      case SETTING.tableBytes:
        tableBytes = value;
        break;
      case SETTING.push:
        if (value > 1) throw new ConnectionError(CODE.protocol, 'neither yes nor no');
        break;
      case SETTING.initialWindow:
        if (value > LARGEST_WINDOW) throw new ConnectionError(CODE.flowControl, 'a window is too large');
        initialWindow = value;
        break;
      case SETTING.maxFrame:
        // Ours are never larger than what everybody takes.
        if (value < FRAME_BYTES || value > LARGEST_FRAME) throw new ConnectionError(CODE.protocol, 'frames of no size');
        break;
    }
  }
  return { initialWindow, ...(tableBytes === undefined ? {} : { tableBytes }) };
}

const LENGTH = /^\d{1,15}$/;

/** Whether these cannot be the headers of a request: RFC 9113, section 8.3.1. */
export function isMalformed({ malformed, method, path, scheme, headers }: FieldList): boolean {
  if (malformed || method === '' || scheme === '') return true;
  const length = headers['content-length'];
  if (length !== undefined && !LENGTH.test(length)) return true;
  // A proxy is what we are not; `*` is asked by OPTIONS only.
  return path.charCodeAt(0) !== SLASH && !(path === '*' && method === 'OPTIONS');
}

const SLASH = 0x2f;
