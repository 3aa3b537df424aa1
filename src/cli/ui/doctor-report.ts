import { describeRoom } from '../../domain/guest-room.ts';
import { formatSize } from '../../domain/size.ts';
import type { DoctorReport } from '../../operations/status/doctor.ts';
import { wrapLine } from './columns.ts';
import { escapeText } from './escape.ts';
import { createLook, type Look } from './look.ts';
import { describeFragmentation } from './words.ts';

const LABEL_WIDTH = 14;

const UNCLAIMED =
  'No repository here knows of these snapshots of the source. Unless one in another directory does, remove them:';

const VERDICTS: Readonly<Record<DoctorReport['verdict'], string>> = {
  ready: 'ready: revisions share unchanged blocks here',
  limited: 'limited: backups work here, at a price',
  unable: 'unable: backups will fail',
};

/** The lines of `backy doctor`; the last ones are the verdict and its reasons. */
export function doctorLines(report: DoctorReport, look: Look = createLook()): readonly string[] {
  const { host, zfs, source, newestImage, snapshotRoom } = report;
  const facts = [
    ['node', `${report.node} on ${report.platform}`],
    ...(look.verbose ? [['engine', report.engine]] : []),
    ['directory', `${report.directory} (${report.isRepository ? 'a repository' : 'no repository'})`],
    ...(host ? hostFacts(host) : []),
    ...(zfs ? [['zfs', describeZfs(zfs)]] : []),
    ...(source ? [['source', describeSource(source)]] : []),
    ...(snapshotRoom ? [['snapshot room', describeSnapshotRoom(snapshotRoom)]] : []),
    ...(newestImage ? [['newest image', describeImage(newestImage)]] : []),
  ];
  const mark = report.verdict === 'ready' ? look.title : look.alarm;
  return [
    ...facts.flatMap(([label = '', value = '']) =>
      wrapLine(`${label.padEnd(LABEL_WIDTH)} ${escapeText(value)}`, ' '.repeat(LABEL_WIDTH + 1)),
    ),
    '',
    mark(VERDICTS[report.verdict]),
    ...[...report.remarks, ...report.advice].flatMap((sentence) =>
      wrapLine(`- ${escapeText(sentence)}`, '  '),
    ),
    ...unclaimedLines(report),
  ];
}

/** Snapshots of unknown owners. A repository elsewhere may need them, so only a person may remove them. */
function unclaimedLines({ unclaimedSnapshots }: DoctorReport): readonly string[] {
  if (unclaimedSnapshots.length === 0) return [];
  return [
    '',
    ...wrapLine(UNCLAIMED, ''),
    ...unclaimedSnapshots.map(({ removal }) => `  ${escapeText(removal)}`),
  ];
}

function describeSource({ filename, kind, format, size }: NonNullable<DoctorReport['source']>): string {
  const facts = [kind, ...(format ? [format] : []), formatSize(size)];
  return `${filename} (${facts.join(', ')})`;
}

function describeSnapshotRoom(room: NonNullable<DoctorReport['snapshotRoom']>): string {
  return `${room.enough ? 'enough' : 'too little'}: ${describeRoom(room)}`;
}

function hostFacts(host: NonNullable<DoctorReport['host']>): readonly (readonly string[])[] {
  return [
    [
      'filesystem',
      `${host.filesystem}, ${formatSize(host.freeBytes)} of ${formatSize(host.totalBytes)} free`,
    ],
    ['reflink', host.reflink ? 'yes' : `no: ${host.reflinkReason ?? 'not supported'}`],
    ['hole punching', host.punchHole ? 'yes' : 'no'],
    ['direct I/O', host.directIo ? 'yes' : 'no'],
  ];
}

function describeZfs({
  version = 'of unknown version',
  blockCloning,
  waitsForDirtyData,
  recordSize,
}: NonNullable<DoctorReport['zfs']>): string {
  const cloning = blockCloning === undefined ? 'none' : blockCloning ? 'on' : 'off';
  return [
    `OpenZFS ${version}`,
    `block cloning ${cloning}`,
    ...(waitsForDirtyData === undefined ? [] : [`zfs_bclone_wait_dirty=${waitsForDirtyData ? 1 : 0}`]),
    `records of ${formatSize(recordSize)}`,
  ].join(', ');
}

function describeImage(image: NonNullable<DoctorReport['newestImage']>): string {
  return `${describeFragmentation(image)}, about ${image.cloneSeconds.toFixed(1)} s to clone, at most that to remove`;
}
