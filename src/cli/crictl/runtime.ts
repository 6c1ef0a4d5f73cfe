/** `info` and `version`: the runtime itself. */
import { type JsonObject, type JsonValue, protoJson, type StatusResponse } from '#cri';
import { UsageError } from '../command.ts';
import { bool, string } from './flags.ts';
import { printStatuses, statusFormat } from './output.ts';
import { defineVerb, during } from './verb.ts';

export const version = defineVerb({
  name: 'version',
  summary: 'Display runtime version information',
  flags: {},
  async run({ io, runtime, query }) {
    const answer = await during('getting the runtime version', runtime.version({ version: 'v1' }, query));
    // Two spaces: Go prints one between its arguments.
    io.out(
      `Version:  ${answer.version}\nRuntimeName:  ${answer.runtime_name}\n` +
        `RuntimeVersion:  ${answer.runtime_version}\nRuntimeApiVersion:  ${answer.runtime_api_version}\n`,
    );
  },
});

export const info = defineVerb({
  name: 'info',
  summary: 'Display information of the container runtime',
  flags: {
    output: string('Output format, One of: json|yaml', 'o'),
    quiet: bool('Do not show verbose information', 'q'),
  },
  async run(context, values) {
    const format = statusFormat(values.output);
    if (format === 'table') throw new UsageError('unsupported output format "table"');
    const { runtime, query } = context;
    const answer = await during('getting status of runtime', runtime.status({ verbose: !values.quiet }, query));
    const { status, features } = answer;
    printStatuses(context, format, [
      {
        status: protoJson('RuntimeStatus', status ?? {}),
        info: answer.info,
        more: {
          runtimeHandlers: handlers(answer),
          features: features === undefined ? undefined : withoutDefaults(features),
        },
      },
    ]);
  },
});

/** crictl writes these as Go does: with the names of the .proto file, and without what is empty. */
function handlers({ runtime_handlers: all }: StatusResponse): JsonValue | undefined {
  if (all.length === 0) return undefined;
  return all.map(({ name, features }) => ({
    ...withoutDefaults({ name }),
    ...(features === undefined ? {} : { features: withoutDefaults(features) }),
  }));
}

function withoutDefaults(message: object): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== false && value !== ''));
}
