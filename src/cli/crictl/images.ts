/** `images`, `pull` and `rmi`. */
import type { AuthConfig, Image } from '#cri';
import { UsageError } from '../command.ts';
import { labelSelector, pattern } from './containers.ts';
import { bool, duration, string, strings } from './flags.ts';
import { humanSize, table, truncatedId } from './format.ts';
import { listFormat, OUTPUT_USAGE, printMessage } from './output.ts';
import { type Context, defineVerb, during, forEach, ifFound, quote } from './verb.ts';

const NONE = '<none>';

export const IMAGE_FILTER = strings(
  'Filter output based on provided conditions: dangling=true, dangling=false, reference=REGULAR-EXPRESSION; several can be combined',
  'f',
);

/** By their first name. */
export async function listImages(
  { image: images, query }: Context,
  name: string | undefined,
  conditions: readonly string[],
): Promise<Image[]> {
  const answer = await during('listing images', images.listImages({ filter: { image: { image: name } } }, query));
  const key = ({ repo_tags: [tag], repo_digests: [digest], id }: Image): string => tag ?? digest ?? id;
  const accepts = conditions.map(imageCondition);
  return answer.images
    .filter((image) => accepts.every((accept) => accept(image)))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
}

function imageCondition(condition: string): (image: Image) => boolean {
  const [name, value = ''] = condition.split(/=(.*)/s);
  if (name === 'dangling') return ({ repo_tags }) => value === String(repo_tags.length === 0);
  if (name === 'reference') {
    const matches = pattern(value);
    return ({ repo_digests }) => matches.test(repository(repo_digests).name);
  }
  throw new UsageError(`unknown filter flag: ${condition}`);
}

function repository([first]: readonly string[]): { name: string; digest: string } {
  if (first === undefined) return { name: NONE, digest: NONE };
  const [name = '', digest] = first.split('@');
  return digest === undefined ? { name: 'errorName', digest: 'errorRepoDigest' } : { name, digest };
}

export const images = defineVerb({
  name: 'images',
  aliases: ['image', 'img'],
  args: '[REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: {
    quiet: bool('Only show image IDs', 'q'),
    verbose: bool('Show verbose info for images', 'v'),
    filter: IMAGE_FILTER,
    output: string(OUTPUT_USAGE, 'o'),
    digests: bool('Show digests'),
    'no-trunc': bool('Show output without truncating the ID'),
    pinned: bool('Show whether the image is pinned or not'),
  },
  async run(context, values, [name, ...more]) {
    if (more.length > 0) throw new UsageError('it takes one image at most');
    const format = listFormat(values.output);
    const found = await listImages(context, name, values.filter);
    const { io } = context;
    if (format !== 'table') printMessage(context, format, 'ListImagesResponse', { images: found });
    else if (values.quiet) io.out(found.map(({ id }) => `${id}\n`).join(''));
    else if (values.verbose) io.out(found.map(verbose).join(''));
    else io.out(imageTable(found, values));
  },
});

interface TableOptions {
  readonly digests: boolean;
  readonly 'no-trunc': boolean;
  readonly pinned: boolean;
}

function imageTable(found: readonly Image[], { digests, 'no-trunc': whole, pinned }: TableOptions): string {
  const short = whole ? (id: string): string => id : truncatedId;
  const columns = (name: string, tag: string, digest: string, id: string, size: string, pin: string): string[] => [
    name,
    tag,
    ...(digests ? [digest] : []),
    id,
    size,
    ...(pinned ? [pin] : []),
  ];
  const rows = found.flatMap((image) => {
    const { name, digest } = repository(image.repo_digests);
    const tags = image.repo_tags.length === 0 ? [`${name}:${NONE}`] : image.repo_tags;
    return tags.map((tag) => {
      const at = tag.lastIndexOf(':');
      const named = tag.slice(0, at);
      const shown = named === NONE ? name : named;
      const size = humanSize(Number(image.size), 3);
      return columns(shown, tag.slice(at + 1), short(digest), short(image.id), size, String(image.pinned));
    });
  });
  return table([columns('IMAGE', 'TAG', 'DIGEST', 'IMAGE ID', 'SIZE', 'PINNED'), ...rows]);
}

function verbose(image: Image): string {
  return [
    `ID: ${image.id}\n`,
    ...image.repo_tags.map((tag) => `RepoTags: ${tag}\n`),
    ...image.repo_digests.map((digest) => `RepoDigests: ${digest}\n`),
    image.size === '0' ? '' : `Size: ${image.size}\n`,
    image.uid === undefined ? '' : `Uid: value:${image.uid.value} \n`,
    image.username === '' ? '' : `Username: ${image.username}\n`,
    image.pinned ? 'Pinned: true\n' : '',
    '\n',
  ].join('');
}

export const pull = defineVerb({
  name: 'pull',
  args: 'NAME[:TAG|@DIGEST]',
  summary: 'Pull an image from a registry',
  flags: {
    creds: string('Use USERNAME[:PASSWORD] for accessing the registry [$CRICTL_CREDS]'),
    auth: string("Use a base64 encoded 'USERNAME[:PASSWORD]' for accessing the registry [$CRICTL_AUTH]"),
    annotation: strings('Annotation to be set on the pulled image', 'a'),
    'pull-timeout': duration('Maximum time to be used for pulling the image, disabled if set to 0s', 'pt'),
  },
  async run({ io, image: service, call }, values, [image = '', ...more]) {
    if (image === '') throw new UsageError('image name cannot be empty');
    if (more.length > 0) throw new UsageError('it takes one image');
    const auth = authConfig(values.creds ?? io.env['CRICTL_CREDS'], values.auth ?? io.env['CRICTL_AUTH']);
    const timeoutMs = values['pull-timeout'] ?? 0;
    if (timeoutMs < 0) throw new UsageError('timeout should be bigger than 0');
    const request = { image: { image, annotations: labelSelector(values.annotation) }, auth };
    const deadlineMs = timeoutMs > 0 ? timeoutMs : Infinity;
    const { image_ref } = await during('pulling image', service.pullImage(request, { ...call, deadlineMs }));
    io.out(`Image is up to date for ${image_ref}\n`);
  },
});

function authConfig(creds = '', auth = ''): Partial<AuthConfig> | undefined {
  if (creds !== '' && auth !== '') throw new UsageError('both `--creds` and `--auth` are specified');
  if (auth !== '') return { auth };
  if (creds === '') return undefined;
  const [username = '', password = ''] = creds.split(/:(.*)/s);
  if (username === '') throw new UsageError("username can't be empty");
  return { username, password };
}

export const rmi = defineVerb({
  name: 'rmi',
  args: 'IMAGE-ID [IMAGE-ID...]',
  summary: 'Remove one or more images, each with all its tags',
  flags: {
    all: bool('Remove all images', 'a'),
    prune: bool('Remove all unused images', 'q'),
  },
  async run(context, { all, prune }, args) {
    const { io, image: service, call, query } = context;
    const every = all || prune ? (await service.listImages({}, query)).images : [];
    const used = prune ? await usedImages(context) : new Set<string>();
    const listed = every.filter((image) => !prune || (!image.pinned && !used.has(image.id))).map(({ id }) => id);
    const ids = [...new Set([...args, ...listed])];
    if (ids.length === 0) {
      if (!all && !prune) throw new UsageError('which image?');
      io.err('No images to remove\n');
      return;
    }
    await forEach(ids, async (id) => {
      const { image } = await during(
        `image status request for ${quote(id)} failed`,
        service.imageStatus({ image: { image: id } }, query),
      );
      if (image === undefined) {
        if (prune && listed.includes(id)) return; // gone in the meantime
        throw new Error(`no such image ${id}`);
      }
      await during(`error of removing image ${quote(id)}`, service.removeImage({ image: { image: id } }, call));
      const names = image.repo_tags.length === 0 ? image.repo_digests : image.repo_tags;
      io.out(names.map((name) => `Deleted: ${name}\n`).join(''));
    });
  },
});

/** Ids of the images that containers are made of, running or not. */
async function usedImages({ runtime, image: service, query }: Context): Promise<Set<string>> {
  const { containers } = await runtime.listContainers({}, query);
  const names = [...new Set(containers.map(({ image }) => image?.image ?? ''))];
  const answers = await Promise.all(names.map((image) => ifFound(service.imageStatus({ image: { image } }, query))));
  return new Set(answers.flatMap((answer) => answer?.image?.id ?? []));
}
