/** Messages of ImageService. */
import type { Int64, Empty } from './basics.ts';
import type { Int64Value, PodSandboxConfig, ImageSpec } from './config.ts';

export interface ImageFilter {
  image?: ImageSpec;
}

export interface ListImagesRequest {
  filter?: ImageFilter;
}

export interface Image {
  id: string;
  repo_tags: string[];
  repo_digests: string[];
  size: Int64;
  uid?: Int64Value;
  username: string;
  spec?: ImageSpec;
  pinned: boolean;
}

export interface ListImagesResponse {
  images: Image[];
}

export interface ImageStatusRequest {
  image?: ImageSpec;
  verbose: boolean;
}

export interface ImageStatusResponse {
  image?: Image;
  info: Record<string, string>;
}

export interface AuthConfig {
  username: string;
  password: string;
  auth: string;
  server_address: string;
  identity_token: string;
  registry_token: string;
}

export interface PullImageRequest {
  image?: ImageSpec;
  auth?: AuthConfig;
  sandbox_config?: PodSandboxConfig;
}

export interface PullImageResponse {
  image_ref: string;
}

export interface RemoveImageRequest {
  image?: ImageSpec;
}

export type RemoveImageResponse = Empty;
