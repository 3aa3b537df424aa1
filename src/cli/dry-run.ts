import { counted } from '../domain/counted.ts';
import type { EditResult } from '../operations/records/edit-records.ts';
import type { Session } from './session.ts';
import { revisionLine } from './ui/revision-line.ts';

/** The option that asks for a plan, in the form that commander takes. */
export const DRY_RUN_OPTION = ['-n, --dry-run', 'only show what would be done'] as const;

/** Prints what was done, unless -q is given. After a dry run it prints the plan, even with -q. */
export function tellOutcome(
  session: Session,
  result: { readonly dryRun: boolean },
  lines: () => readonly string[],
): void {
  const tell = result.dryRun ? session.show : session.announce;
  tell(result, lines);
}

/** Prints the changed records, in the same way. */
export function tellEdit(session: Session, result: EditResult): void {
  const { revisions, changed, dryRun } = result;
  tellOutcome(session, result, () => [
    ...revisions.map(revisionLine),
    ...(dryRun ? [`${counted(changed, 'revision')} would change`] : []),
  ]);
}
