import { nearest } from '../domain/nearest.ts';
import { asObject, type Field, ShapeError } from '../domain/shape.ts';

/** Refuses unknown keys, because a mistyped key would silently leave its setting at the default. @throws ShapeError */
export function checkKeys(field: Field, known: readonly string[]): void {
  for (const key of Object.keys(asObject(field, `the keys ${known.join(', ')}`))) {
    if (known.includes(key)) continue;
    const near = nearest(key, known);
    const path = [...field.path, key];
    throw new ShapeError(
      { path, value: key },
      near ? `the key "${near}"` : `one of ${known.join(', ')}`,
      'key',
    );
  }
}
