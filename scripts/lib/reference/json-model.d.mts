export interface Field {
  readonly name: string;
  readonly isOptional: boolean;
  readonly type: string;
  readonly meaning: string;
}
export interface Shape {
  readonly name: string;
  readonly meaning: string;
  readonly fields: readonly Field[];
}
export const DOCUMENTS: ReadonlyMap<string, string>;
export function readShapes(): ReadonlyMap<string, Shape>;
export function partsOf(
  document: string,
  shapes: ReadonlyMap<string, Shape>,
  found?: Set<string>,
): Set<string>;
