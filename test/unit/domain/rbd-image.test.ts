import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRbdImage, isRbdName, parseRbdImage } from '../../../src/domain/rbd-image.ts';

describe('parseRbdImage', () => {
  it.each([
    ['rbd/web1', { pool: 'rbd', image: 'web1' }],
    ['rbd/tenant/web1', { pool: 'rbd', namespace: 'tenant', image: 'web1' }],
    ['rbd/--help', { pool: 'rbd', image: '--help' }],
    ['rbd/a b', { pool: 'rbd', image: 'a b' }],
  ])('reads %s', (text, image) => {
    expect(parseRbdImage(text)).toEqual(image);
  });

  it.each(['', 'web1', '/web1', 'rbd/', 'rbd//web1', 'a/b/c/d', 'rbd/web1@snapshot', 'rbd/we\nb', 'rbd/\0'])(
    'takes %j for no image',
    (text) => {
      expect(parseRbdImage(text)).toBeUndefined();
    },
  );

  it('reads back what is written', () => {
    const name = fc.string({ minLength: 1, unit: 'binary' }).filter(isRbdName);
    const image = fc.record(
      { pool: name, namespace: name, image: name },
      { requiredKeys: ['pool', 'image'] },
    );
    fc.assert(
      fc.property(image, (value) => {
        expect({ ...parseRbdImage(formatRbdImage(value)) }).toEqual({ ...value });
      }),
    );
  });
});
