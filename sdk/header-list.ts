/**
 * Headers as they travel through the gateway: one flat list `[name, value, name, value, ..]`, names
 * as received, values latin1. Nothing on the way makes an object per header; look-ups compare names
 * without case. `_` and `-` are different characters: equating them lets a client slip past a plugin
 * that removes a header.
 */
export type HeaderList = string[]
export type ReadonlyHeaderList = readonly string[]

/** The position of the first header of this name, or -1. `lowerName` is in lower case. */
export function findHeader(list: ReadonlyHeaderList, lowerName: string, from = 0): number {
  const length = lowerName.length
  for (let i = from; i < list.length; i += 2) {
    const name = list[i]!
    if (name.length === length && (name === lowerName || name.toLowerCase() === lowerName)) return i
  }
  return -1
}

/** The first value of this name, or null. */
export function getHeader(list: ReadonlyHeaderList, lowerName: string): string | null {
  const at = findHeader(list, lowerName)
  return at === -1 ? null : list[at + 1]!
}

/** Every value of this name, in the order received. */
export function getHeaderValues(list: ReadonlyHeaderList, lowerName: string): string[] {
  const values: string[] = []
  for (let at = findHeader(list, lowerName); at !== -1; at = findHeader(list, lowerName, at + 2)) {
    values.push(list[at + 1]!)
  }
  return values
}

/** Removes every header of this name; says whether there was one. */
export function removeHeader(list: HeaderList, lowerName: string): boolean {
  let at = findHeader(list, lowerName)
  if (at === -1) return false
  for (; at !== -1; at = findHeader(list, lowerName, at)) list.splice(at, 2)
  return true
}

/** Replaces every header of this name by these values; the first keeps the place it had. */
export function setHeader(
  list: HeaderList,
  name: string,
  values: string | readonly string[],
): void {
  const lowerName = name.toLowerCase()
  const at = findHeader(list, lowerName)
  if (typeof values === 'string') {
    if (at === -1) {
      list.push(name, values)
      return
    }
    list[at] = name
    list[at + 1] = values
    for (let next = findHeader(list, lowerName, at + 2); next !== -1;) {
      list.splice(next, 2)
      next = findHeader(list, lowerName, next)
    }
    return
  }
  removeHeader(list, lowerName)
  for (const value of values) list.push(name, value)
}

/**
 * The list as an object: names in lower case, a repeated name gives a list. The object has no
 * prototype, so that a header called `__proto__` is only a header.
 */
export function toHeaderObject(
  list: ReadonlyHeaderList,
  headersMax: number,
): Record<string, string | string[]> {
  const object = Object.create(null) as Record<string, string | string[]>
  const end = Math.min(list.length, headersMax * 2)
  for (let i = 0; i < end; i += 2) {
    const name = list[i]!.toLowerCase()
    const before = object[name]
    if (before === undefined) object[name] = list[i + 1]!
    else if (typeof before === 'string') object[name] = [before, list[i + 1]!]
    else before.push(list[i + 1]!)
  }
  return object
}
