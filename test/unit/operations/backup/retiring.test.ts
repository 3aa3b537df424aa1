import { describe, expect, it } from 'vitest';
import { backyError } from '../../../../src/errors.ts';
import { retiring } from '../../../../src/operations/backup/retiring.ts';
import type { Source } from '../../../../src/sources/source.ts';
import { workbench } from '../workbench.ts';

const missing = backyError('BACKY_SOURCE_MISSING', { path: '/disk' });
const toolFailed = backyError('BACKY_TOOL_FAILED', { tool: 'lvs', reason: 'no such group' });

function bench(...failures: readonly Error[]) {
  const { context, warnings } = workbench();
  const left = [...failures];
  const retireSnapshots = async (): Promise<readonly string[]> => {
    const failure = left.shift();
    if (failure) throw failure;
    return ['old'];
  };
  const nothing = async (): Promise<never> => expect.unreachable();
  const source: Source = {
    identity: { type: 'file' },
    target: '/disk',
    describe: nothing,
    snapshotsThere: async () => [],
    snapshot: nothing,
    retireSnapshots,
  };
  return { snapshots: retiring(context, source), warnings };
}

describe('snapshots that cannot be removed', () => {
  it('are warned of, once for each reason', async () => {
    const { snapshots, warnings } = bench(toolFailed, toolFailed, missing);
    await snapshots.retire('x');
    expect(warnings()).toEqual([]);
    snapshots.report();
    await snapshots.retire('x');
    snapshots.report(new Error('something else'));
    await snapshots.retire('x');
    await snapshots.retire('x');
    snapshots.report();
    expect(warnings()).toEqual(
      [toolFailed, missing].map(
        ({ message }) => `old snapshots of the source could not be removed: ${message}`,
      ),
    );
  });

  it.each([missing, toolFailed])('are not worth a word where there is no source: %s', async (failure) => {
    const { snapshots, warnings } = bench(toolFailed, toolFailed);
    await snapshots.retire('x');
    await snapshots.retire('x');
    snapshots.report(failure);
    expect(warnings()).toEqual([]);
  });
});
