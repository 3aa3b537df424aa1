import type { Command, Option } from 'commander';
import { backyError } from '../errors.ts';

const FLAGS = '-r, --revision <SPEC>';
/** All of it stands in docs/reference/revision-specs.md. */
const SPEC_HELP =
  'number (0 is the newest), id or its beginning, last, first, tag:TAG, trust:TRUST, or an expression such as last(tag:daily & ..2026-01-31)';
const SPECS_HELP = `${SPEC_HELP}; all that it names`;

/** -r of a command that takes one revision; it is `last` by default. */
export function revisionOption(blank: Command): Option {
  return blank
    .createOption(FLAGS, SPEC_HELP)
    .default('last')
    .argParser(
      inTurn((before, spec) => {
        throw backyError('BACKY_USAGE', {
          problem: `-r is given twice, as "${before}" and as "${spec}", and this command takes one revision`,
          advice: 'Name one revision',
        });
      }),
    );
}

/** -r of a command that takes several revisions. Given twice it means what both of them name, as with a comma. */
export function revisionsOption(blank: Command, remark = ''): Option {
  return blank
    .createOption(FLAGS, `${SPECS_HELP}${remark}`)
    .argParser(inTurn((before, spec) => `${before},${spec}`));
}

/** Commander itself does not tell a default from what was given before. */
function inTurn(join: (before: string, spec: string) => string): (spec: string) => string {
  let before: string | undefined;
  return (spec) => {
    before = before === undefined ? spec : join(before, spec);
    return before;
  };
}
