import { cpuMilli, valueOf } from '#api';

/** Whole units, rounded up: bytes, pods. Absent is 0. */
export const quantityValue = (quantity: string | undefined): number => (quantity === undefined ? 0 : valueOf(quantity));

/** Thousandths, rounded up: millicores. Absent is 0. */
export const quantityMilli = (quantity: string | undefined): number =>
  quantity === undefined ? 0 : cpuMilli(quantity);
