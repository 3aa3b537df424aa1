import { counted } from '../domain/counted.ts';
import type { EditResult } from '../operations/records/edit-records.ts';
import type { Session } from './session.ts';
import { revisionLine } from './ui/revision-line.ts';

/** How a plan is asked for, for commander. */
export const DRY_RUN_OPTION = ['-n, --dry-run', 'only say what would be done'] as const;

/** Prints what was done, which -q leaves out, or what would be done, which was asked for. */
export function tellOutcome(
  session: Session,
  result: { readonly dryRun: boolean },
  lines: () => readonly string[],
): void {
  const tell = result.dryRun ? session.show : session.announce;
  tell(result, lines);
}

/** The same for records that were changed: how they are then. */
export function tellEdit(session: Session, result: EditResult): void {
  const { revisions, changed, dryRun } = result;
  tellOutcome(session, result, () => [
    ...revisions.map(revisionLine),
    ...(dryRun ? [`${counted(changed, 'revision')} would change`] : []),
  ]);
}
