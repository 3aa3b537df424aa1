import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOwnRevisionId, isRevisionId, newRevisionId } from '../../../src/domain/revision-id.ts';

const random = fc.uint8Array({ minLength: 10, maxLength: 10 });
const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });

describe('newRevisionId', () => {
  it('makes the UUID of the example in RFC 9562', () => {
    const bits = Uint8Array.from([0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f]);
    expect(newRevisionId(new Date(0x017f22e279b0), bits)).toBe('017f22e2-79b0-7cc3-98c4-dc0c0c07398f');
  });

  it('makes ids of version 7 that are valid and our own', () => {
    fc.assert(
      fc.property(time, random, (ms, bits) => {
        const id = newRevisionId(new Date(ms), bits);
        expect([id[14], isRevisionId(id), isOwnRevisionId(id)]).toEqual(['7', true, true]);
      }),
    );
  });

  it('makes ids that sort by age', () => {
    fc.assert(
      fc.property(time, time, random, random, (a, b, bitsA, bitsB) => {
        fc.pre(a < b);
        expect(newRevisionId(new Date(a), bitsA) < newRevisionId(new Date(b), bitsB)).toBe(true);
      }),
    );
  });

  it('uses all of the chance it is given', () => {
    const ids = Array.from({ length: 1000 }, () => newRevisionId(new Date(0), randomBytes(10)));
    expect(new Set(ids).size).toBe(1000);
  });
});

describe('isRevisionId', () => {
  it.each(['96d8b001-0ffc-4149-8c35-cf003f5638d6', 'asErgTHJaw2WmhFbBVxEPB', '0'.repeat(19)])(
    'knows %s',
    (id) => {
      expect(isRevisionId(id)).toBe(true);
    },
  );

  it.each([
    '',
    'short',
    '../../../etc/cron.d/evil-job',
    '-rf-0ffc-4149-8c35-cf003f5638d6',
    '96d8b001-0ffc-4149-8c35-cf003f5638d6\n',
    '96d8b001/0ffc/4149/8c35/cf003f5638d6',
    '96d8b001-0ffc-4149-8c35-cf003f5638d6.partial',
    'a'.repeat(37),
  ])('refuses %j (I12)', (id) => {
    expect(isRevisionId(id)).toBe(false);
  });
});

it('takes no name that a person would choose for an id of its own', () => {
  expect(isRevisionId('production-database-01')).toBe(true);
  expect(isOwnRevisionId('production-database-01')).toBe(false);
  expect(isOwnRevisionId('96d8b001-0ffc-4149-8c35-cf003f5638d6')).toBe(false);
});
