import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTool, runTool } from '../../../../src/sources/lvm/tool.ts';
import { listVolumes } from '../../../../src/sources/lvm/volumes.ts';
import { scratchDirectory } from '../../scratch.ts';

const before = process.env.PATH;
let directory: string;

beforeEach(() => {
  directory = scratchDirectory();
  process.env.PATH = `${directory}:${before}`;
});

afterEach(() => {
  process.env.PATH = before;
});

/** Makes lvs a shell script. */
function lvsIs(script: string): void {
  writeFileSync(join(directory, 'lvs'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

describe('a tool', () => {
  it('gets its arguments unchanged, without a shell', async () => {
    lvsIs('printf "%s|" "$@"');
    expect(await readTool('lvs', ['--a', '$(id)', 'b c', '"', ''])).toBe('--a|$(id)|b c|"||');
  });

  it('speaks English, whatever the language of the user', async () => {
    lvsIs('echo "$LC_ALL $LANG"');
    expect(await readTool('lvs', [])).toBe('C \n');
  });

  it.each([
    [
      'echo "  WARNING: a pool is nearly full." >&2; echo "  No such thing." >&2; echo "  Giving up." >&2; exit 5',
      'No such thing',
    ],
    ['exit 3', 'it ended with 3'],
    ['kill -TERM $$', 'it ended with SIGTERM'],
  ])('that fails is quoted: %s', async (script, reason) => {
    lvsIs(script);
    await expect(readTool('lvs', ['vg0'])).rejects.toMatchObject({
      code: 'BACKY_TOOL_FAILED',
      message: `lvs failed: ${reason}`,
      details: { tool: 'lvs', reason, args: ['vg0'] },
    });
  });

  it('may complain without end', async () => {
    lvsIs('yes complaint | head -c 5000000 >&2; exit 1');
    await expect(readTool('lvs', [])).rejects.toMatchObject({ details: { reason: 'complaint' } });
  });

  it('ends early when its output is not wanted', async () => {
    lvsIs('yes');
    const unwilling = (): never => {
      throw new Error('enough');
    };
    await expect(runTool('lvs', [], { take: unwilling })).rejects.toThrow('enough');
  });
});

describe('listVolumes', () => {
  it('finds none in a missing group', async () => {
    lvsIs(`echo '  Volume group "vg0" not found' >&2; exit 5`);
    expect(await listVolumes('vg0')).toEqual([]);
    await expect(listVolumes('vg1')).rejects.toMatchObject({ code: 'BACKY_TOOL_FAILED' });
  });

  it.each(['echo nonsense', 'echo "{}"', 'true'])(
    'reports an output that it cannot read: %s',
    async (script) => {
      lvsIs(script);
      await expect(listVolumes('vg0')).rejects.toMatchObject({
        code: 'BACKY_TOOL_FAILED',
        details: { tool: 'lvs' },
      });
    },
  );
});
