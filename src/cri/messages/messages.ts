/**
 * The messages of `cri.proto` as this client hands them out: field names are the wire's, an absent message is an absent
 * property, everything else is always there (proto3 defaults). Requests are `Input<T>`: any part of a message.
 */
export type * from './basics.ts';
export type * from './config.ts';
export type * from './image.ts';
export type * from './runtime.ts';
export type * from './stats.ts';
