import { html, raw } from 'hono/html';

/** A part of a page, with everything in it escaped. */
export type Html = ReturnType<typeof html>;

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
h2 { font-size: 1.1rem; font-weight: 600; margin: 2rem 0 .25rem; }
a { color: inherit; } a:hover, a:focus-visible { text-decoration-thickness: 2px; }
pre { margin: .25rem 0; padding: .6rem .75rem; border: 1px solid var(--line); border-radius: 4px; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; user-select: all; }
svg { display: block; max-width: 100%; height: auto; margin-top: .5rem; }
.none { fill: var(--line); } .trusted { fill: var(--good); } .verified { fill: var(--good); stroke: var(--ink); stroke-width: 2; }
.distrusted { fill: none; stroke: var(--bad); stroke-width: 2; } .rate { fill: none; stroke: var(--soft); stroke-width: 2; }
@media (max-width: 40rem) { th:nth-child(4), td:nth-child(4) { display: none; } }
`;

/** A whole page. It renews itself without a script. */
export function document(title: string, body: Html): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="30">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
${body}
</body>
</html>`;
}

/** A time for people: in UTC, because a browser is anywhere. */
export function timeOf(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)} UTC`;
}
