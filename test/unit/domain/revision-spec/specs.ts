import fc from 'fast-check';
import {
  ATTRIBUTE_NAMES,
  FUNCTION_NAMES,
  type RangeEnd,
  SET_NAMES,
  type Spec,
  TRUSTS,
} from '../../../../src/domain/revision-spec/spec.ts';
import { looksLikeTime } from '../../../../src/domain/time-span.ts';

/** Texts without delimiters, for tags and servers. */
const texts = fc
  .string({ minLength: 1, unit: fc.constantFrom(...'ab019.:-_ Tä') })
  .map((text) => text.trim())
  .filter((text) => text !== '' && !text.includes('..'));

const words = texts.filter(
  (text) =>
    !SET_NAMES.some((name) => name === text) &&
    !ATTRIBUTE_NAMES.some((name) => text.startsWith(`${name}:`)) &&
    !looksLikeTime(text),
);

const leaves: fc.Arbitrary<Spec> = fc.oneof(
  words.map((word) => ({ kind: 'word' as const, word })),
  fc.constantFrom(...SET_NAMES).map((name) => ({ kind: 'set' as const, name })),
  texts.map((value) => ({ kind: 'attribute' as const, name: 'tag' as const, value })),
  texts.map((value) => ({ kind: 'attribute' as const, name: 'server' as const, value })),
  fc.constantFrom(...TRUSTS).map((value) => ({ kind: 'attribute' as const, name: 'trust' as const, value })),
);

export const times: fc.Arbitrary<RangeEnd> = fc
  .constantFrom(
    '2026-01-01',
    '2026-01-03T00:00',
    '2026-01-02 23:59:59',
    '2026-01-04T01:30:00.5+01:00',
    '2030-12-31',
  )
  .map((text) => ({ kind: 'time', text }));

/** Trees over given leaves, with every kind of node. */
export function treesOf(leaf: fc.Arbitrary<Spec>): fc.Arbitrary<Spec> {
  return fc.letrec<{ tree: Spec }>((tie) => {
    const end = fc.option(fc.oneof(tie('tree'), times), { nil: undefined });
    const parts = fc.array(tie('tree'), { minLength: 2, maxLength: 3 });
    return {
      tree: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        leaf,
        fc.record({ kind: fc.constant('union' as const), parts }),
        fc.record({ kind: fc.constant('intersection' as const), parts }),
        fc.record({ kind: fc.constant('range' as const), from: end, to: end }),
        fc.record({
          kind: fc.constant('call' as const),
          name: fc.constantFrom(...FUNCTION_NAMES),
          of: tie('tree'),
        }),
      ),
    };
  }).tree;
}

/** Any tree that a text can stand for. */
export const specs: fc.Arbitrary<Spec> = treesOf(leaves);
