/** The version this node agent implements, as reported in node status and probe requests. */
export const KUBELET_VERSION = 'v1.36.3';

/** `1.36`: what probes call themselves. Source: pkg/probe/util.go, userAgent. */
export const PROBE_USER_AGENT = `kube-probe/${KUBELET_VERSION.slice(1).split('.').slice(0, 2).join('.')}`;
