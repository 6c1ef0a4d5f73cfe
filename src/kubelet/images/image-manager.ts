import type { Pod, Secret } from '#api';
import { CriError, type ImageService, type Input, type PodSandboxConfig } from '#cri';
import { type Clock, messageOf } from '#util';
import type { PodEvents } from '../pods/events.ts';
import { StartFailure } from '../pods/start-failure.ts';
import { goDuration } from '../text.ts';
import { KeyedBackoff } from './backoff.ts';
import { lookUpCredentials } from './keyring.ts';
import { repositoryOf, withDefaultTag } from './reference.ts';
import { Semaphore } from './semaphore.ts';

/** Pulls under way at once. Upstream's default is one after the other, unless maxParallelImagePulls says how many. */
const MAX_PARALLEL_PULLS = 5;

export interface ImageRequest {
  readonly pod: Pod;
  readonly containerName: string;
  /** As written in the pod. */
  readonly image: string;
  readonly policy: string;
  readonly secrets: readonly Secret[];
  readonly sandboxConfig: Input<PodSandboxConfig>;
}

export interface ImageManager {
  /**
   * Makes sure that the image is on the node and returns the runtime's own name for it. Throws {@link StartFailure}. Tells of it in
   * events. Source of texts: pkg/kubelet/images/image_manager.go v1.36.
   */
  ensure(request: ImageRequest, options: { signal: AbortSignal }): Promise<string>;
  /** Forgets the back-off of a pod that is gone. */
  forget(podUid: string): void;
}

export interface ImageManagerOptions {
  images: ImageService;
  events: PodEvents;
  clock: Clock;
}

export function newImageManager({ images, events, clock }: ImageManagerOptions): ImageManager {
  const backoff = new KeyedBackoff(clock);
  const lastFailure = new Map<string, string>();
  const pulls = new Semaphore(MAX_PARALLEL_PULLS);

  const presentRef = async (
    image: string,
    signal: AbortSignal,
  ): Promise<{ id: string; sizeBytes: string } | undefined> => {
    const { image: found } = await images.imageStatus({ image: { image } }, { signal });
    return found === undefined ? undefined : { id: found.id, sizeBytes: found.size };
  };

  const say = (
    { pod, containerName }: ImageRequest,
    type: 'Normal' | 'Warning',
    reason: string,
    message: string,
  ): void => events.container(pod, containerName, type, reason, message);

  function fail(
    request: ImageRequest,
    event: string,
    reason: 'InvalidImageName' | 'ImageInspectError',
    message: string,
  ): never {
    say(request, 'Warning', event, message);
    throw new StartFailure(reason, message);
  }

  function taggedName(request: ImageRequest): string {
    try {
      return withDefaultTag(request.image);
    } catch (error) {
      const message = `Failed to apply default image tag ${JSON.stringify(request.image)}: ${messageOf(error)}`;
      return fail(request, 'InspectFailed', 'InvalidImageName', message);
    }
  }

  async function pullWithCredentials(name: string, request: ImageRequest, signal: AbortSignal): Promise<void> {
    const credentials = lookUpCredentials(request.secrets, repositoryOf(name));
    const errors: string[] = [];
    for (const auth of credentials.length === 0 ? [undefined] : credentials) {
      try {
        await images.pullImage({ image: { image: name }, auth, sandbox_config: request.sandboxConfig }, { signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        // The code Unknown tells nothing and is left out, as upstream's remote_image.go does.
        errors.push(error instanceof CriError && error.code === 'Unknown' ? error.details : messageOf(error));
      }
    }
    throw new Error(errors.length === 1 ? errors[0] : `[${errors.join(', ')}]`);
  }

  function throwIfBackedOff(request: ImageRequest, key: string): void {
    const remainingMs = backoff.remainingSinceUpdateMs(key);
    if (remainingMs <= 0) return;
    const message = `Back-off pulling image ${JSON.stringify(request.image)}`;
    say(request, 'Normal', 'BackOff', message);
    const last = lastFailure.get(key);
    throw new StartFailure('ImagePullBackOff', last === undefined ? message : `${message}: ${last}`, {
      retryAfterMs: remainingMs,
    });
  }

  async function pull(name: string, request: ImageRequest, signal: AbortSignal): Promise<string> {
    const shown = JSON.stringify(request.image);
    const key = `${request.pod.metadata.uid}_${request.image}`;
    throwIfBackedOff(request, key);
    lastFailure.delete(key);
    say(request, 'Normal', 'Pulling', `Pulling image ${shown}`);
    const askedAt = clock.monotonic();
    try {
      const pullMs = await pulls.run(
        async () => {
          const startedAt = clock.monotonic();
          await pullWithCredentials(name, request, signal);
          return clock.monotonic() - startedAt;
        },
        { signal },
      );
      const pulled = await presentRef(name, signal);
      if (pulled === undefined) throw new Error(`image ${shown} is not there after it was pulled`);
      const took = `${goDuration(pullMs)} (${goDuration(clock.monotonic() - askedAt)} including waiting)`;
      say(
        request,
        'Normal',
        'Pulled',
        `Successfully pulled image ${shown} in ${took}. Image size: ${pulled.sizeBytes} bytes.`,
      );
      return pulled.id;
    } catch (error) {
      signal.throwIfAborted();
      const message = messageOf(error);
      say(request, 'Warning', 'Failed', `Failed to pull image ${shown}: ${message}`);
      backoff.next(key, clock.now());
      const failure = pullFailure(request.image, message, backoff.delayMs(key));
      lastFailure.set(key, `${failure.reason}: ${failure.message}`);
      throw failure;
    }
  }

  return {
    async ensure(request, { signal }) {
      const name = taggedName(request);
      const shown = JSON.stringify(request.image);
      let present;
      try {
        present = await presentRef(name, signal);
      } catch (error) {
        signal.throwIfAborted();
        return fail(
          request,
          'InspectFailed',
          'ImageInspectError',
          `Failed to inspect image ${shown}: ${messageOf(error)}`,
        );
      }
      if (present !== undefined && request.policy !== 'Always') {
        say(
          request,
          'Normal',
          'Pulled',
          `Container image ${shown} already present on machine and can be accessed by the pod`,
        );
        return present.id;
      }
      if (request.policy === 'Never') {
        const message = `Container image ${shown} is not present with pull policy of Never`;
        say(request, 'Warning', 'ErrImageNeverPull', message);
        throw new StartFailure('ErrImageNeverPull', message);
      }
      return pull(name, request, signal);
    },
    forget(podUid) {
      backoff.forget(`${podUid}_`);
      for (const key of lastFailure.keys()) if (key.startsWith(`${podUid}_`)) lastFailure.delete(key);
    },
  };
}

/** Errors that the runtime marks by how they begin. Source: evalCRIPullErr. */
function pullFailure(image: string, message: string, backoffMs: number): StartFailure {
  // Half of the back-off later the state becomes ImagePullBackOff, at its end the image is pulled again.
  const options = { retryAfterMs: backoffMs / 2 };
  const marked = (mark: string, why: string): string =>
    `image pull failed for ${image} because ${why}${message.slice(mark.length)}`;
  if (message.startsWith('RegistryUnavailable')) {
    return new StartFailure(
      'RegistryUnavailable',
      marked('RegistryUnavailable', 'the registry is unavailable'),
      options,
    );
  }
  if (message.startsWith('SignatureValidationFailed')) {
    const text = marked('SignatureValidationFailed', 'the signature validation failed');
    return new StartFailure('SignatureValidationFailed', text, options);
  }
  return new StartFailure('ErrImagePull', message, options);
}
