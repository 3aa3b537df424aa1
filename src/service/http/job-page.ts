import { html } from 'hono/html';
import { counted } from '../../domain/counted.ts';
import { formatSeconds } from '../../domain/duration.ts';
import { isGood, type RevisionRecord } from '../../domain/revision.ts';
import { quoted } from '../../domain/shell-word.ts';
import { formatSize } from '../../domain/size.ts';
import { layoutOf } from '../../repository/layout.ts';
import type { FilesystemStatus, JobStatus, ServiceStatus } from '../model/service-status.ts';
import { calendarOf, changesOf } from './charts.ts';
import { document, type Html, timeOf } from './document.ts';

const MOST_ROWS = 100;

/**
 * The page of one job: its verdict, the commands that restore it, and its revisions.
 *
 * @param revisions newest first
 */
export function jobPage(
  job: JobStatus,
  revisions: readonly RevisionRecord[],
  { time, filesystems }: Pick<ServiceStatus, 'time' | 'filesystems'>,
): Html {
  const { verdict, reasons, pause, next, source } = job;
  const why = [...reasons, ...(pause ? [`paused by ${pause.by}: ${pause.reason}`] : [])];
  return document(
    `backy: ${job.job}`,
    html`<p><a href="/">All jobs</a></p>
<h1 class="${verdict}"><bdi>${job.job}</bdi>: ${verdict}</h1>
<p><bdi>${source}</bdi>. As of ${timeOf(time)}. ${next ? `Next run: ${timeOf(next.time)}, ${next.tags.join(', ')}.` : 'No run is planned.'}</p>
${why.map((reason) => html`<p class="${verdict}">${reason}</p>`)}
${restoreCommands(job, revisions.find(isGood))}
<h2>The last 53 weeks</h2>
<p>Filled: trusted. With a frame: verified. Empty with a cross: distrusted.</p>
${calendarOf(revisions, time)}
<h2>Changed data of each revision</h2>
${changesOf(revisions)}
<h2>${counted(job.revisions, 'revision')}</h2>
<p>${formatSize(job.bytes)} in total. ${filesystems.map(spaceText).join(' ')}</p>
${revisionTable(revisions)}`,
  );
}

/** Commands to copy. The image of a revision is a plain file, so that other programs can read it, too. */
function restoreCommands({ directory }: JobStatus, newest: RevisionRecord | undefined): Html {
  if (!newest) return html`<h2>Restore</h2><p class="critical">There is no good revision to restore.</p>`;
  const repository = quoted(directory);
  const image = quoted(layoutOf(directory).files(newest.uuid).image);
  return html`<h2>Restore the newest good revision, of ${timeOf(newest.timestamp)}</h2>
<p>To a file or device. It checks every block.</p>
<pre>backy -b ${repository} restore -r ${newest.uuid} TARGET</pre>
<p>Single files, if the image holds a filesystem and no partitions.</p>
<pre>mount -o ro,loop ${image} /mnt</pre>
<p>Without backy. It checks nothing.</p>
<pre>dd if=${image} of=TARGET bs=4M conv=fsync status=progress</pre>`;
}

function spaceText({ path, size, free, fullAt }: FilesystemStatus): string {
  const forecast = fullAt === null ? '' : `, full at this pace by ${timeOf(fullAt)}`;
  return `${formatSize(free)} of ${formatSize(size)} free at ${path}${forecast}.`;
}

function revisionTable(revisions: readonly RevisionRecord[]): Html {
  const rest = revisions.length - MOST_ROWS;
  return html`<table>
<thead><tr><th scope="col">Taken</th><th scope="col">Trust</th><th scope="col">Method</th><th scope="col">Written</th></tr></thead>
<tbody>${revisions.slice(0, MOST_ROWS).map(revisionRow)}</tbody>
</table>
${rest > 0 ? html`<p>${counted(rest, 'older revision')}: see "backy status".</p>` : ''}`;
}

function revisionRow({ uuid, timestamp, tags, trust, distrustedBecause, stats }: RevisionRecord): Html {
  const { method, fallback, bytesWritten, duration } = stats;
  return html`<tr>
<td>${timeOf(timestamp)}<small>${tags.join(', ')}</small><small>${uuid}</small></td>
<td><span class="${trust === 'distrusted' ? 'critical' : 'ok'}">${trust}</span><small>${distrustedBecause ?? ''}</small></td>
<td>${method}<small>${fallback ?? ''}</small></td>
<td>${formatSize(bytesWritten)}<small>in ${formatSeconds(duration)}</small></td>
</tr>`;
}
