/** For whoever makes an object: its fields, which are read-only to all others. */
export type Writable<T> = { -readonly [Name in keyof T]: T[Name] }
