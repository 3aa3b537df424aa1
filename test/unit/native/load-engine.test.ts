import { describe, expect, it } from 'vitest';
import { loadFailure } from '../../../src/native/load-engine.ts';

/** As the generated loader throws it: what went wrong with each file it tried, in a chain. */
function chain(...messages: readonly string[]): Error {
  return messages.reduceRight<Error>((cause, message) => new Error(message, { cause }), new Error('the end'));
}

const ABSENT = ['Cannot find native binding.', "Cannot find module './backy.linux-x64-gnu.node'"];

describe('an engine that cannot be loaded', () => {
  it('is missing when no file of it is there', () => {
    const failure = new Error('Cannot find native binding', { cause: new Error("Cannot find module './x'") });
    expect(loadFailure(failure)).toMatchObject({ code: 'BACKY_NATIVE_MISSING', cause: failure });
  });

  it.each([
    ['/n.node: failed to map segment from shared object', 'not mounted noexec'],
    ["/lib/libc.so.6: version `GLIBC_2.38' not found (required by /n.node)", 'newer C library'],
    ['Error relocating /n.node: __res_init: symbol not found', 'newer C library'],
    ['/n.node: invalid ELF header', 'run "npm install" on this machine'],
    [
      "dlopen(/n.node, 0x0001): tried: '/n.node' (incompatible architecture)",
      'run "npm install" on this machine',
    ],
  ])('is named with what the loader said: %s', (reason, advice) => {
    expect(loadFailure(chain(...ABSENT, reason))).toMatchObject({
      code: 'BACKY_NATIVE_UNUSABLE',
      message: expect.stringContaining(reason),
      remedy: expect.stringContaining(advice),
      details: { reason },
    });
  });
});
