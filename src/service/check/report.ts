import { compareVerdicts, type Verdict } from '../../domain/job-verdict.ts';

/** The findings of `check`. */
export interface CheckReport {
  readonly verdict: Verdict;
  /** The first line, without the word for the verdict and without performance data. */
  readonly summary: string;
  /** Performance data: whole numbers by name. */
  readonly figures: Readonly<Record<string, number>>;
  /** Everything that is not OK, the worst first. */
  readonly findings: readonly Finding[];
}

/** Something that is not OK. */
export interface Finding {
  readonly verdict: Verdict;
  /** The job, the repository, or the part of the service. */
  readonly subject: string;
  readonly reasons: readonly string[];
}

/** The exit codes of Nagios plugins. https://nagios-plugins.org/doc/guidelines.html */
export const EXIT_CODES: Readonly<Record<Verdict, number>> = { ok: 0, warning: 1, critical: 2, unknown: 3 };

/** The worst of some verdicts; `ok` without any. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  return verdicts.toSorted(compareVerdicts)[0] ?? 'ok';
}

/** Puts the worst findings first, and those alike in the order of their subjects. */
export function worstFirst(findings: readonly Finding[]): readonly Finding[] {
  return findings.toSorted(
    (one, other) => compareVerdicts(one.verdict, other.verdict) || one.subject.localeCompare(other.subject),
  );
}

/**
 * The lines that a Nagios plugin prints: the verdict with performance data, then a line for each finding. No name can
 * break a line or pass for performance data.
 */
export function reportLines({ verdict, summary, figures, findings }: CheckReport): readonly string[] {
  const data = Object.entries(figures).map(([name, value]) => `${name}=${value}`);
  const first = `${verdict.toUpperCase()}: ${plain(summary)}${data.length > 0 ? ` | ${data.join(' ')}` : ''}`;
  return [
    first,
    ...findings.map(({ verdict: one, subject, reasons }) =>
      plain(`${one.toUpperCase()}: ${subject}: ${reasons.join('; ')}`),
    ),
  ];
}

function plain(text: string): string {
  return text.replaceAll('|', '¦');
}
