/** The conditions that a target was told of, by key, with the time, in milliseconds since 1970. */
export type ToldToOne = Readonly<Record<string, { readonly subject: string; readonly toldMs: number }>>;

/** The conditions that each target was told of, by its name. */
export type Told = Readonly<Record<string, ToldToOne>>;
