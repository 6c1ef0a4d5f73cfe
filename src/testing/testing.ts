/**
 * What tests, examples and benchmarks start from: a control plane in the test's own process, container images built offline and a real
 * registry to serve them.
 * It is imported by tests only, never by the product. Everything started here is tied to the test that started it and is gone
 * when it is disposed of, or when the test's process ends.
 */
export {
  buildImage,
  buildRootfs,
  busyboxImage,
  fetchImagePackages,
  type ImageLayer,
  type ImageRecipe,
  redisImage,
} from './images/images.ts';
export { type Registry, type RegistryOptions, startRegistry } from './registry.ts';
export { startTestControlPlane, type TestControlPlane } from './controlplane.ts';
export { startTestApiServer, type TestApiServer, type TestApiServerOptions } from './apiserver.ts';
