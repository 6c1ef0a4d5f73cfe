import { Entry } from './entry.ts';

export type FrameType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One change as watchers are told it; its encoded forms are made once and shared by all of them. */
export class Frame {
  readonly type: FrameType;
  readonly entry: Entry;
  readonly #encoded = new Map<string, Buffer>();

  constructor(type: FrameType, entry: Entry) {
    this.type = type;
    this.entry = entry;
  }

  /** The bytes in the format `name`, made by `encode` for the first who asks. */
  encoded(name: string, encode: (frame: Frame) => Buffer): Buffer {
    const known = this.#encoded.get(name);
    if (known !== undefined) return known;
    const bytes = encode(this);
    this.#encoded.set(name, bytes);
    return bytes;
  }
}

/** A change of one key, with the frames for watchers that see it as an addition, a change or a removal. */
export class Change {
  readonly entry: Entry | undefined;
  readonly previous: Entry | undefined;
  readonly revision: number;
  /** What keeping it costs. */
  readonly bytes: number;
  #frames: Partial<Record<FrameType, Frame>> = {};

  constructor(entry: Entry | undefined, previous: Entry | undefined, revision: number) {
    this.entry = entry;
    this.previous = previous;
    this.revision = revision;
    this.bytes = (entry?.value.length ?? 0) + (previous?.value.length ?? 0);
  }

  get key(): string {
    return (this.entry ?? this.previous)!.key;
  }

  forgetFrames(): void {
    this.#frames = {};
  }

  frame(type: FrameType): Frame {
    // What is gone is shown as it last was, at the revision of its removal.
    return (this.#frames[type] ??= new Frame(
      type,
      type === 'DELETED' ? new Entry(this.key, this.previous!.value, this.revision) : this.entry!,
    ));
  }
}
