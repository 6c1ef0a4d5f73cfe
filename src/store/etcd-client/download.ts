import { type ChannelOptions, EtcdChannel } from './channel.ts';
import { SNAPSHOT } from './methods.ts';

/** The bytes of a snapshot, its checksum last, as `etcdctl snapshot save` writes them to a file. Throws StoreError or what the connection broke with. */
export async function* downloadSnapshot(options: ChannelOptions): AsyncGenerator<Buffer> {
  const channel = new EtcdChannel(options);
  try {
    for await (const { blob } of await channel.readable(SNAPSHOT, {})) yield blob;
  } finally {
    channel.close();
  }
}
