import { type ConfigError, type FieldPath, formatPath } from './config-error.ts'
import { offsetOf, type Located } from './located.ts'
import type { Position } from './read-yaml.ts'
import type { RawEntity } from './raw-entity.ts'

/** Nobody reads more; a generated file can have millions. */
const errorsMax = 1000

/** Everything that is wrong with one file, each error at its place. */
export class ErrorList {
  readonly #filename: string
  readonly #position: Position
  readonly #errors: (ConfigError & { readonly offset: number })[] = []
  #omitted = 0

  constructor(filename: string, position: Position) {
    this.#filename = filename
    this.#position = position
  }

  get isEmpty(): boolean {
    return this.#errors.length === 0
  }

  /** In the order of the file. */
  toArray(): ConfigError[] {
    const sorted = this.#errors.toSorted((left, right) => left.offset - right.offset)
    const errors: ConfigError[] = sorted.map(
      ({ message, line, column, entity, field, filename }) => ({
        message,
        line,
        column,
        entity,
        field,
        filename,
      }),
    )
    if (this.#omitted > 0) {
      const place = { line: 1, column: 1, entity: '', field: '', filename: this.#filename }
      errors.push({ ...place, message: `${this.#omitted} more errors are not listed` })
    }
    return errors
  }

  /** Something wrong with a field of an entity; `path` starts at the entity. */
  entity(raw: RawEntity, path: FieldPath, message: string): void {
    const first = path[0]
    if (typeof first === 'string') raw.failed.add(first)
    this.#add({
      message: path.length === 0 ? message : `${formatPath(path)}: ${message}`,
      entity: raw.label,
      field: formatPath([...raw.path, ...path]),
      offset: offsetOf(raw.node, path),
    })
  }

  /** Something wrong with the file outside of entities. */
  file(root: Located, path: FieldPath, message: string): void {
    const field = formatPath(path)
    this.#add({
      message: field === '' ? message : `${field}: ${message}`,
      entity: '',
      field,
      offset: offsetOf(root, path),
    })
  }

  at(offset: number, message: string): void {
    this.#add({ message, entity: '', field: '', offset })
  }

  /** The line of an entity or of one of its fields, for messages about two places. */
  lineOf(raw: RawEntity, path: FieldPath): number {
    return this.lineAt(offsetOf(raw.node, path))
  }

  lineAt(offset: number): number {
    return this.#position(offset).line
  }

  #add({
    offset,
    ...error
  }: {
    message: string
    entity: string
    field: string
    offset: number
  }): void {
    if (this.#errors.length >= errorsMax) {
      this.#omitted++
      return
    }
    const place = this.#position(offset)
    this.#errors.push({ ...error, ...place, filename: this.#filename, offset })
  }
}
