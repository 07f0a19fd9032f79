import type { FieldPath } from './config-error.ts'

/**
 * A YAML or JSON document as data that still knows where each value stood, so that an error found
 * much later can name its line. An alias shares the node of its anchor.
 */
export type Located = LocatedMap | LocatedList | LocatedScalar

interface Place {
  /** Position of the first character, in UTF-16 units from the start of the text. */
  readonly offset: number
  /** Nodes in it, itself included, when all aliases are written out; long texts count as several. */
  readonly size: number
  /** Levels of nesting in it, its own included, aliases written out. */
  readonly height: number
}

export interface LocatedMap extends Place {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string, LocatedEntry>
}

export interface LocatedEntry {
  readonly keyOffset: number
  readonly value: Located
}

export interface LocatedList extends Place {
  readonly kind: 'list'
  readonly items: readonly Located[]
}

export interface LocatedScalar extends Place {
  readonly kind: 'scalar'
  readonly value: string | number | boolean | null
  /** The characters of an unquoted scalar: `yes`, `1.10`. Null when it was quoted. */
  readonly source: string | null
}

/**
 * Where `path` below `root` stands: at the key of the last segment, or as near as the document
 * goes (a missing field stands at what should have had it).
 */
export function offsetOf(root: Located, path: FieldPath): number {
  let node = root
  let offset = root.offset
  for (const segment of path) {
    if (node.kind === 'map' && typeof segment === 'string') {
      const entry = node.entries.get(segment)
      if (entry === undefined) return offset
      offset = entry.keyOffset
      node = entry.value
    } else if (node.kind === 'list' && typeof segment === 'number') {
      const item = node.items[segment]
      if (item === undefined) return offset
      offset = item.offset
      node = item
    } else {
      return offset
    }
  }
  return offset
}

/** The value of a scalar string field, or null. */
export function stringAt(node: Located, key: string): string | null {
  const value = node.kind === 'map' ? node.entries.get(key)?.value : undefined
  return value === undefined ? null : toText(value)
}

/** A scalar as a string field reads it: `1.10` and `yes` are what was written. */
export function toText(node: Located): string | null {
  if (node.kind !== 'scalar' || node.value === null) return null
  return typeof node.value === 'string' ? node.value : node.source
}
