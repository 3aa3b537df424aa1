import { html } from 'hono/html';
import { counted } from '../../domain/counted.ts';
import { compareVerdicts } from '../../domain/job-verdict.ts';
import type { JobStatus, ServiceStatus } from '../model/service-status.ts';
import { document, type Html, timeOf } from './document.ts';

/** The status page: one verdict first, then all jobs, the worst first. It works without JavaScript. */
export function pageOf(status: ServiceStatus): Html {
  const jobs = status.jobs.toSorted(
    (one, other) => compareVerdicts(one.verdict, other.verdict) || one.job.localeCompare(other.job),
  );
  const good = jobs.filter(({ verdict }) => verdict === 'ok').length;
  const verdict = jobs[0]?.verdict ?? 'ok';
  return document(
    `backy: ${good} of ${jobs.length} protected`,
    html`<h1 class="${verdict}">${good} of ${counted(jobs.length, 'job')} protected</h1>
<p>As of ${timeOf(status.time)}. ${poolText(status)}</p>
${status.configOk ? '' : html`<p class="warning">The configuration on the disk is refused, and the old one is in force: ${status.configProblem}</p>`}
<table>
<thead><tr><th scope="col">Job</th><th scope="col">Verdict</th><th scope="col">Last backup</th><th scope="col">Next</th></tr></thead>
<tbody>${jobs.map(row)}</tbody>
</table>`,
  );
}

function row({ job, verdict, phase, last, next, reasons, pause, source }: JobStatus): Html {
  const why = [...reasons, ...(pause ? [`paused by ${pause.by}: ${pause.reason}`] : [])];
  return html`<tr>
<td class="name"><a href="/jobs/${encodeURIComponent(job)}">${job}</a><small>${source}</small></td>
<td><span class="${verdict}">${verdict}</span><small>${phase}${why.map((reason) => html`<br>${reason}`)}</small></td>
<td>${last ? html`${timeOf(last.time)}<small>${last.tags.join(', ')}</small>` : 'never'}</td>
<td>${next ? html`${timeOf(next.time)}<small>${next.tags.join(', ')}</small>` : '–'}</td>
</tr>`;
}

function poolText({ pools }: ServiceStatus): string {
  const busy = pools.fast.busy + pools.slow.busy;
  const queued = pools.fast.queued + pools.slow.queued;
  return `${counted(busy, 'run')} under way, ${queued} waiting.`;
}
