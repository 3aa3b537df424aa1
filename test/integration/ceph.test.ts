import { cephNeeds } from '../helpers/ceph.ts';
import { needsOf } from '../helpers/loop-filesystem.ts';
import { describeWith } from '../helpers/needs.ts';
import { testSeed } from '../helpers/random.ts';
import { makeScratch } from '../helpers/scratch.ts';
import { useCephBench } from './ceph/bench.ts';
import { changes } from './ceph/changes.ts';
import { exporters } from './ceph/exporters.ts';
import { histories } from './ceph/histories.ts';
import { refusals } from './ceph/refusals.ts';
import { restores } from './ceph/restores.ts';

const needs = [...cephNeeds, ...needsOf('btrfs', 'ext4')];

/** All subjects share one cluster, because its start takes some 20 seconds. */
describeWith(needs, `an image of a Ceph cluster (BACKY_TEST_SEED=${testSeed})`, () => {
  const bench = useCephBench();
  changes(bench);
  histories(bench.cluster, () => makeScratch(bench.filesystem.directory));
  exporters(bench);
  refusals(bench);
  restores(bench);
});
