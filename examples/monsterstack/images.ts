/** The images of the monster stack and the registry that serves them: built on this machine, with no network and no Docker. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage, type ImageRecipe, redisImage, type Registry, startRegistry } from '#testing';

/** The registry's name in the manifests. What address it has is told to the nodes by {@link hostsToml}. */
export const REGISTRY = 'registry.monsterstack.test:5000';
/** Who may pull, as `kubectl create secret docker-registry` is told. */
export const CREDENTIALS = { user: 'ada', password: 'lovelace' };

/** `repository:tag` of all images; frontend:2 is the same program with another version on its page, for `kubectl set image`. */
export const IMAGES: readonly ImageRecipe[] = [
  pythonImage('frontend', '1', 5000),
  pythonImage('frontend', '2', 5000),
  pythonImage('imagebackend', '1', 8080),
  redisImage(`${REGISTRY}/redis:7`),
];

function pythonImage(name: string, version: string, port: number): ImageRecipe {
  const program = readFileSync(join(import.meta.dirname, name, 'app.py'));
  return {
    reference: `${REGISTRY}/${name}:${version}`,
    layers: [
      { packages: ['python'] },
      {
        entries: [
          { path: 'app', type: 'directory' },
          { path: 'app/app.py', type: 'file', content: program },
        ],
      },
    ],
    config: {
      User: '65534:65534',
      WorkingDir: '/app',
      Env: [`VERSION=${version}`, 'PYTHONUNBUFFERED=1', 'PYTHONDONTWRITEBYTECODE=1'],
      ExposedPorts: { [`${port}/tcp`]: {} },
      Cmd: ['python3', '/app/app.py'],
    },
  };
}

/** A private registry on `host` that holds the images; `port` defaults to 5000. */
export async function startMonsterRegistry(host: string, port = 5000): Promise<Registry> {
  const files = [];
  for (const image of IMAGES) files.push({ image, file: await buildImage(image) });
  await using undo = new AsyncDisposableStack();
  const registry = undo.use(await startRegistry({ host, port, users: { [CREDENTIALS.user]: CREDENTIALS.password } }));
  for (const { image, file } of files) {
    const [repository = '', tag = ''] = image.reference.slice(REGISTRY.length + 1).split(':');
    await registry.push(file, repository, tag);
  }
  undo.move();
  return registry;
}

/** Where containerd looks up how to reach the registry, and what it finds there: a plain HTTP server. Read at every pull. */
export const HOSTS_TOML_PATH = `/etc/containerd/certs.d/${REGISTRY}/hosts.toml`;
export function hostsToml(url: string): string {
  return `server = "${url}"\n\n[host."${url}"]\n  capabilities = ["pull", "resolve"]\n`;
}
