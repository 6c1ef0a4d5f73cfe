/** Documents of aggregated discovery, which OpenAPI does not tell of. Source: apidiscovery/v2 generated.proto of kubernetes/api v0.36. */
import type { Definition } from '../../schema.ts';

const KIND = 'meta.v1.GroupVersionKind';

export const APIDISCOVERY: Readonly<Record<string, Definition>> = {
  'apidiscovery.v2.APIGroupDiscoveryList': {
    fields: {
      metadata: { t: 'meta.v1.ListMeta', n: [1] },
      items: { t: '[]apidiscovery.v2.APIGroupDiscovery', n: [2] },
    },
  },
  'apidiscovery.v2.APIGroupDiscovery': {
    fields: {
      metadata: { t: 'meta.v1.ObjectMeta', n: [1] },
      versions: { t: '[]apidiscovery.v2.APIVersionDiscovery', n: [2] },
    },
  },
  'apidiscovery.v2.APIVersionDiscovery': {
    fields: {
      version: { t: 'string', n: [1] },
      resources: { t: '[]apidiscovery.v2.APIResourceDiscovery', n: [2] },
      freshness: { t: 'string', n: [3] },
    },
  },
  'apidiscovery.v2.APIResourceDiscovery': {
    fields: {
      resource: { t: 'string', n: [1] },
      responseKind: { t: KIND, n: [2] },
      scope: { t: 'string', n: [3] },
      singularResource: { t: 'string', n: [4] },
      verbs: { t: '[]string', n: [5] },
      shortNames: { t: '[]string', n: [6] },
      categories: { t: '[]string', n: [7] },
      subresources: { t: '[]apidiscovery.v2.APISubresourceDiscovery', n: [8] },
    },
  },
  'apidiscovery.v2.APISubresourceDiscovery': {
    fields: {
      subresource: { t: 'string', n: [1] },
      responseKind: { t: KIND, n: [2] },
      acceptedTypes: { t: `[]${KIND}`, n: [3] },
      verbs: { t: '[]string', n: [4] },
    },
  },
  [KIND]: {
    fields: { group: { t: 'string', n: [1] }, version: { t: 'string', n: [2] }, kind: { t: 'string', n: [3] } },
  },
};
