import type { CollectionName } from './entities.ts'
import type { PathSegment } from './config-error.ts'
import type { LocatedMap } from './located.ts'

/** An entity on its way from the file to the configuration. */
export interface RawEntity {
  readonly collection: CollectionName | 'plugin_sets'
  readonly node: LocatedMap
  /** Where it stands in the file. */
  readonly path: readonly PathSegment[]
  /** What it is nested in, and the field that this place stands for. */
  readonly parent: { readonly field: string; readonly entity: RawEntity } | null
  /** Counts the entities of its collection, from 1. */
  readonly ordinal: number
  /** Its fields as far as they are read; normalised in the end. */
  readonly value: Record<string, unknown>
  /** Top-level fields with an error: what is said about them once is enough. */
  readonly failed: Set<string>
  /** Like `route "orders"`, for messages. */
  readonly label: string
}

/** The entity's id; every entity has one once the file is linked. */
export const idOf = (raw: RawEntity): string => String(raw.value['id'])

/** A plugin of a plugin set has no scope of its own: the routes that name the set have. */
export const isInSet = (raw: RawEntity): boolean => raw.parent?.entity.collection === 'plugin_sets'
