import { html, raw } from 'hono/html';
import { counted } from '../../domain/counted.ts';
import type { JobStatus, ServiceStatus } from '../model/service-status.ts';

type Html = ReturnType<typeof html>;

const ORDER = ['critical', 'warning', 'unknown', 'ok'];
const WORDS: Readonly<Record<JobStatus['verdict'], string>> = {
  critical: 'critical',
  warning: 'warning',
  unknown: 'unknown',
  ok: 'ok',
};

/** Colours with enough contrast in both schemes; each verdict has a word and a sign, too. */
const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --back: #fff; --bad: #b42318; --warn: #8a5a00; --good: #1a6b3c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b3; --line: #30363d; --back: #0d1117; --bad: #ff8a80; --warn: #e3b341; --good: #6fd08c; } }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; font-weight: 600; margin: 0 0 .25rem; }
p { margin: .25rem 0; color: var(--soft); }
table { width: 100%; border-collapse: collapse; margin-top: 1.25rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; color: var(--soft); }
td.name { overflow-wrap: anywhere; unicode-bidi: isolate; max-width: 22rem; }
small { display: block; color: var(--soft); overflow-wrap: anywhere; }
.critical { color: var(--bad); } .warning { color: var(--warn); } .ok { color: var(--good); }
@media (max-width: 40rem) { th:nth-child(4), td:nth-child(4) { display: none; } }
`;

/** The status page: one verdict first, then all jobs, the worst first. It works without JavaScript. */
export function pageOf(status: ServiceStatus): Html {
  const jobs = status.jobs.toSorted(
    (one, other) =>
      ORDER.indexOf(one.verdict) - ORDER.indexOf(other.verdict) || one.job.localeCompare(other.job),
  );
  const good = jobs.filter(({ verdict }) => verdict === 'ok').length;
  const verdict = jobs[0]?.verdict ?? 'ok';
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="30">
<title>backy: ${good} of ${jobs.length} protected</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<h1 class="${verdict}">${good} of ${counted(jobs.length, 'job')} protected</h1>
<p>As of ${timeOf(status.time)}. ${poolText(status)}</p>
${status.configOk ? '' : html`<p class="warning">The configuration on the disk is refused, and the old one is in force: ${status.configProblem}</p>`}
<table>
<thead><tr><th scope="col">Job</th><th scope="col">Verdict</th><th scope="col">Last backup</th><th scope="col">Next</th></tr></thead>
<tbody>${jobs.map(row)}</tbody>
</table>
</body>
</html>`;
}

function row({ job, verdict, phase, last, next, reasons, pause, source }: JobStatus): Html {
  const why = [...reasons, ...(pause ? [`paused by ${pause.by}: ${pause.reason}`] : [])];
  return html`<tr>
<td class="name">${job}<small>${source}</small></td>
<td><span class="${verdict}">${WORDS[verdict]}</span><small>${phase}${why.map((reason) => html`<br>${reason}`)}</small></td>
<td>${last ? html`${timeOf(last.time)}<small>${last.tags.join(', ')}</small>` : 'never'}</td>
<td>${next ? html`${timeOf(next.time)}<small>${next.tags.join(', ')}</small>` : '–'}</td>
</tr>`;
}

function poolText({ pools }: ServiceStatus): string {
  const busy = pools.fast.busy + pools.slow.busy;
  const queued = pools.fast.queued + pools.slow.queued;
  return `${counted(busy, 'run')} under way, ${queued} waiting.`;
}

/** UTC, because a browser is anywhere. */
function timeOf(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
}
