/** Nothing real nests deeper; every recursion over objects relies on it. Upstream's scanner stops at 10000. */
export const MAX_DEPTH = 1000;
