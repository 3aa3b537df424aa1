import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { DURATION, METRICS } from '../../../src/service/http/metrics.ts';

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');

it.each(['decode-global', 'decode-job', 'load-service-config'])(
  'the reference names each key of %s',
  (file) => {
    const [, list = ''] = /const KEYS = \[([^\]]*)\]/.exec(read(`src/service/config/${file}.ts`)) ?? [];
    const keys = [...list.matchAll(/'([a-z-]+)'/g)].map(([, key]) => key);
    expect(keys.length).toBeGreaterThan(5);
    const page = read('docs/reference/service-configuration.md');
    for (const key of keys) expect(page).toContain(`\`${key}\``);
  },
);

it('the reference has each metric with its labels and its meaning, and no other', () => {
  const rows = read('docs/reference/check.md').match(/^\| `backy_.*$/gm);
  expect(rows).toEqual([
    ...METRICS.map(({ name, labels, help }) => {
      const list = labels.map((label) => `\`${label}\``).join(', ');
      return `| \`${name}\`${list && ` ${list}`} | ${help}. |`;
    }),
    `| \`${DURATION.name}\` (histogram) | ${DURATION.help}. |`,
  ]);
});

it('the guide to monitoring uses metrics that exist', () => {
  const names = read('docs/guides/monitoring.md').match(/\bbacky_\w+/g) ?? [];
  expect(names.length).toBeGreaterThan(5);
  const known = METRICS.map(({ name }) => name);
  expect(names.filter((name) => !known.includes(name))).toEqual([]);
});
