/** The thread that reads YAML. Small on purpose: it imports nothing that is not needed to read a text. */
import { parentPort } from 'node:worker_threads';
import { readYaml } from './yaml-text.ts';

export interface YamlRequest {
  readonly text: string;
  readonly duplicates: boolean;
}

/** JSON is much quicker read by the other thread than objects are handed over. */
export interface YamlReply {
  readonly json?: string | undefined;
  readonly error?: string | undefined;
  readonly twice?: string | undefined;
}

parentPort?.on('message', ({ text, duplicates }: YamlRequest) => {
  const { value, error, twice } = readYaml(text, duplicates);
  const reply: YamlReply = { json: error === undefined ? JSON.stringify(value) : undefined, error, twice };
  parentPort!.postMessage(reply, []);
});
