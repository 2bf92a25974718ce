/**
 * CRC-32 of a text whose second half is not at hand: a sum over the whole file can be checked without reading the one
 * member that is read later anyway. The sum is the remainder of a division of polynomials over GF(2), so the first half's
 * is multiplied by x once for each bit of the second, and the second half's is added.
 */

/** CRC-32's polynomial (ISO 3309), and the polynomial 1; both with the lowest power in the highest bit. */
const divisor = 0xedb88320;
const one = 0x80000000;
const bitsOfAByte = 8;

/** @returns the CRC-32 of two texts one after the other, from each one's own */
export const crcOfBoth = (first: number, second: number, secondBytes: number): number =>
  (times(powerOfX(secondBytes * bitsOfAByte), first) ^ second) >>> 0;

/** The product of two polynomials, as a remainder. */
function times(left: number, right: number): number {
  let [product, shifted] = [0, right];
  for (let bit = one; bit !== 0; bit >>>= 1) {
    if ((left & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 0 ? shifted >>> 1 : (shifted >>> 1) ^ divisor;
  }
  return product >>> 0;
}

/** x to the power of a whole number below 2^53, as a remainder. */
function powerOfX(power: number): number {
  let [result, square] = [one, one >>> 1];
  for (let left = power; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = times(result, square);
    square = times(square, square);
  }
  return result;
}
