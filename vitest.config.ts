import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Unit tests share nothing; the others mount filesystems and start whole processes, one after the other. */
const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', testTimeout: 120_000, include: ['test/unit/**/*.test.{ts,mjs}'] } },
      {
        test: {
          name: 'system',
          include: ['test/{integration,e2e,torture}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest asks for it.
export default config;
