import { asWholeNumber, type Field } from '../domain/shape.ts';

/** After how many runs each block was read again; undefined when it is not said. */
export function decodeSampleRuns(field: Field): number | undefined {
  if (field.value === undefined) return undefined;
  return asWholeNumber(field, 'a whole number of runs, 1 or more', 1);
}
