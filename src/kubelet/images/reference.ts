/** Names of images. Source: github.com/distribution/reference v0.6, and pkg/util/parsers/parsers.go v1.36. */
export interface ImageReference {
  /** `docker.io`, `registry:5000`. */
  readonly domain: string;
  /** `library/nginx`. */
  readonly path: string;
  readonly tag?: string | undefined;
  /** `sha256:…` */
  readonly digest?: string | undefined;
}

const DOMAIN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::\d+)?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const NAME_MAX_CHARS = 255;

const invalid = (image: string, why = 'invalid reference format'): Error =>
  new Error(`couldn't parse image name ${JSON.stringify(image)}: ${why}`);

/** The first part of a name is a host when it looks like one; otherwise the name is of Docker Hub. */
function splitDomain(name: string): [string, string] {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  if (!isHost) return ['docker.io', slash < 0 ? `library/${name}` : name];
  const rest = name.slice(slash + 1);
  if (first === 'index.docker.io' || first === 'docker.io')
    return ['docker.io', rest.includes('/') ? rest : `library/${rest}`];
  return [first, rest];
}

export function parseImageReference(image: string): ImageReference {
  if (/^[a-f0-9]{64}$/.test(image)) {
    throw invalid(image, `invalid repository name (${image}), cannot specify 64-byte hexadecimal strings`);
  }
  const [beforeDigest = '', digest] = image.split('@', 2);
  if (image.split('@').length > 2 || (digest !== undefined && !DIGEST.test(digest))) throw invalid(image);
  const colon = beforeDigest.lastIndexOf(':');
  const hasTag = colon > beforeDigest.lastIndexOf('/');
  const tag = hasTag ? beforeDigest.slice(colon + 1) : undefined;
  const [domain, path] = splitDomain(hasTag ? beforeDigest.slice(0, colon) : beforeDigest);
  if (path !== path.toLowerCase())
    throw invalid(image, `invalid reference format: repository name (${path}) must be lowercase`);
  const valid =
    DOMAIN.test(domain) &&
    path.split('/').every((part) => COMPONENT.test(part)) &&
    (tag === undefined || TAG.test(tag));
  if (!valid) throw invalid(image);
  if (`${domain}/${path}`.length > NAME_MAX_CHARS) {
    throw invalid(image, `repository name must not be more than ${NAME_MAX_CHARS} characters`);
  }
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

/** The image as given, with `:latest` when it has neither tag nor digest. */
export function withDefaultTag(image: string): string {
  const { tag, digest } = parseImageReference(image);
  return tag === undefined && digest === undefined ? `${image}:latest` : image;
}

/** What credentials are looked up by: `docker.io/library/nginx`, `registry:5000/app/web`. */
export function repositoryOf(image: string): string {
  const { domain, path } = parseImageReference(image);
  return `${domain}/${path}`;
}
