import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

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
