import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { pod } from '../testing/node.ts';
import { hostNetworkHostsFile, podHostname, podHostsFile, shownHostname } from './hosts-file.ts';
import { parseResolvConf, podDns } from './resolv-conf.ts';

describe('resolv.conf', () => {
  const host = parseResolvConf(
    '# c\nnameserver 1.1.1.1\nnameserver 9.9.9.9\nsearch corp.example. lan\noptions edns0\n',
  );
  const dns = (spec: Parameters<typeof pod>[1]) =>
    podDns(pod('p', spec), { host, clusterDNS: '10.96.0.10', clusterDomain: 'cluster.local' });
  const cluster = {
    servers: ['10.96.0.10'],
    searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'corp.example', 'lan'],
    options: ['ndots:5'],
  };

  it('follows the policy', () => {
    assert.deepEqual(dns({ dnsPolicy: 'ClusterFirst' }).config, cluster);
    assert.deepEqual(dns({ dnsPolicy: 'ClusterFirst', hostNetwork: true }).config, host);
    assert.deepEqual(dns({ dnsPolicy: 'ClusterFirstWithHostNet', hostNetwork: true }).config, cluster);
    assert.deepEqual(dns({ dnsPolicy: 'Default' }).config, host);
  });

  it("takes the pod's own settings in", () => {
    const dnsConfig = {
      nameservers: ['8.8.8.8'],
      searches: ['my.local'],
      options: [{ name: 'ndots', value: '2' }, { name: 'debug' }],
    };
    assert.deepEqual(dns({ dnsPolicy: 'None', dnsConfig }).config, {
      servers: ['8.8.8.8'],
      searches: ['my.local'],
      options: ['ndots:2', 'debug'],
    });
    assert.deepEqual(dns({ dnsPolicy: 'ClusterFirst', dnsConfig }).config, {
      servers: ['10.96.0.10', '8.8.8.8'],
      searches: [...cluster.searches, 'my.local'],
      options: ['ndots:2', 'debug'],
    });
  });

  it('keeps to three name servers and says so', () => {
    const { config, warnings } = dns({
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4'] },
    });
    assert.equal(config.servers.length, 3);
    assert.deepEqual(warnings, [
      'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 1.0.0.1 1.0.0.2 1.0.0.3',
    ]);
  });
});

describe('/etc/hosts', () => {
  it('names the pod and its aliases', () => {
    const own = pod('web-0', {
      hostname: 'web-0',
      subdomain: 'web',
      hostAliases: [{ ip: '1.2.3.4', hostnames: ['a', 'b'] }],
    });
    assert.equal(
      podHostsFile(own, ['10.244.1.2'], podHostname(own, 'cluster.local')),
      [
        '# Kubernetes-managed hosts file.',
        '127.0.0.1\tlocalhost',
        '::1\tlocalhost ip6-localhost ip6-loopback',
        'fe00::0\tip6-localnet',
        'fe00::0\tip6-mcastprefix',
        'fe00::1\tip6-allnodes',
        'fe00::2\tip6-allrouters',
        '10.244.1.2\tweb-0.web.default.svc.cluster.local\tweb-0',
        '',
        '# Entries added by HostAliases.',
        '1.2.3.4\ta\tb',
        '',
      ].join('\n'),
    );
    assert.equal(
      hostNetworkHostsFile(pod('p'), '127.0.0.1 localhost\n'),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 localhost\n',
    );
  });
});

describe('the host name', () => {
  const name = (podName: string, spec: Parameters<typeof pod>[1] = {}) => {
    const own = pod(podName, spec);
    return shownHostname(own, podHostname(own, 'cluster.local'));
  };

  it("is the pod's, cut to what Linux takes, or the fully qualified one if asked for", () => {
    assert.equal(name('web'), 'web');
    assert.equal(name('web', { hostname: 'other' }), 'other');
    assert.equal(name(`${'a'.repeat(62)}-tail`), 'a'.repeat(62));
    assert.equal(name('web', { subdomain: 'sub', setHostnameAsFQDN: true }), 'web.sub.default.svc.cluster.local');
    assert.throws(
      () => name('w'.repeat(60), { subdomain: 'sub', setHostnameAsFQDN: true }),
      /is too long \(64 characters is the max, \d+ characters requested\)$/,
    );
  });
});
