const TABLE = 'ip pirogue-network';

/**
 * A file for `nft -f` that replaces the table. Pods are known inside the cluster and on the network of its nodes by their own addresses;
 * to everybody else their traffic comes from the node.
 */
export function masqueradeRules(options: { podCIDR: string; clusterCIDR: string; nodeSubnet: string }): string {
  const { podCIDR, clusterCIDR, nodeSubnet } = options;
  return `table ${TABLE}
delete table ${TABLE}
table ${TABLE} {
  chain postrouting {
    type nat hook postrouting priority srcnat + 1; policy accept;
    ip saddr ${podCIDR} ip daddr != ${clusterCIDR} ip daddr != ${nodeSubnet} ip daddr != 224.0.0.0/4 masquerade fully-random
  }
}
`;
}
