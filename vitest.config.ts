import { defineConfig, type ViteUserConfig } from 'vitest/config';

/** Those boot a virtual machine, which emulates its processors where there is no KVM: minutes of work with few waits. */
const GUEST = ['test/integration/{lvm,zfs}.test.ts'];

/** How long one test, or the preparation of some, may take on a slow machine with much else to do. */
const PATIENCE_MS = 15 * 60_000;
const patience = { testTimeout: PATIENCE_MS, hookTimeout: PATIENCE_MS };

/**
 * No test shares anything with another but the disks and processors of the machine, so files run side by side. Tests that
 * mount filesystems and start whole processes wait as often as they work, so there is more than one for each processor.
 */
const config: ViteUserConfig = defineConfig({
  test: {
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          testTimeout: 120_000,
          include: ['test/unit/**/*.test.{ts,mjs}'],
          // They leave nothing behind, and loading all modules anew for each file would take longer than the tests.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'guest', ...patience, include: GUEST } },
      {
        extends: true,
        test: {
          name: 'system',
          ...patience,
          include: ['test/{integration,e2e,torture}/**/*.test.ts'],
          exclude: GUEST,
        },
      },
    ],
  },
});

// biome-ignore lint/style/noDefaultExport: vitest asks for it.
export default config;
