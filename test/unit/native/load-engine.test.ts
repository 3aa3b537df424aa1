import { describe, expect, it } from 'vitest';
import { OtherVersion } from '../../../src/native/load-addon.ts';
import { loadFailure } from '../../../src/native/load-engine.ts';

describe('an engine that cannot be loaded', () => {
  it.each([
    ['/n.node: failed to map segment from shared object', 'not mounted noexec'],
    ["/lib/libc.so.6: version `GLIBC_2.38' not found (required by /n.node)", 'newer C library'],
    ['Error relocating /n.node: __res_init: symbol not found', 'newer C library'],
    ['/n.node: invalid ELF header', 'from the release of your backy again'],
    [
      "dlopen(/n.node, 0x0001): tried: '/n.node' (incompatible architecture)",
      'from the release of your backy again',
    ],
  ])('is named with what the loader said: %s', (reason, advice) => {
    expect(loadFailure(new Error(reason))).toMatchObject({
      code: 'BACKY_NATIVE_UNUSABLE',
      message: expect.stringContaining(reason),
      remedy: expect.stringContaining(advice),
      details: { reason },
    });
  });

  it('is named as one of another release', () => {
    expect(loadFailure(new OtherVersion('/n.node is of version 2, and backy of version 3'))).toMatchObject({
      code: 'BACKY_NATIVE_UNUSABLE',
      message: expect.stringContaining('is of version 2'),
      remedy: expect.stringContaining('tarballs of one release'),
    });
  });
});
