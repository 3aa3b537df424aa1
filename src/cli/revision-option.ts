import type { Command, Option } from 'commander';
import { backyError } from '../errors.ts';

const FLAGS = '-r, --revision <SPEC>';
/** docs/reference/revision-specs.md describes the whole language. */
const SPEC_HELP =
  'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31)';
const SPECS_HELP = `${SPEC_HELP}; all matching revisions`;

/** -r of a command that takes one revision; it is `last` by default. */
export function revisionOption(blank: Command): Option {
  return blank
    .createOption(FLAGS, SPEC_HELP)
    .default('last')
    .argParser(
      joined((before, spec) => {
        throw backyError('BACKY_USAGE', {
          problem: `-r is given twice, as "${before}" and as "${spec}", and this command takes one revision`,
          advice: 'Name one revision',
        });
      }),
    );
}

/** -r of a command that takes several revisions. A repeated option adds to the first one, as a comma does. */
export function revisionsOption(blank: Command, remark = ''): Option {
  return blank
    .createOption(FLAGS, `${SPECS_HELP}${remark}`)
    .argParser(joined((before, spec) => `${before},${spec}`));
}

/** Joins repeated values. Commander itself does not tell a default from an earlier value. */
function joined(join: (before: string, spec: string) => string): (spec: string) => string {
  let before: string | undefined;
  return (spec) => {
    before = before === undefined ? spec : join(before, spec);
    return before;
  };
}
