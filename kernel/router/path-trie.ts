import type { Bucket, EntryList, RouteSearch } from './entry-list.ts'
import type { RouteEntry } from './route-entry.ts'

type MakeList<R, S> = () => EntryList<R, S>

/**
 * Entries by path prefix, in a radix tree: one walk along the request path passes every entry whose
 * path is a prefix of it. A regex stands at the text that its matches begin with.
 */
export class PathTrie<R, S> implements Bucket<R, S> {
  readonly #root: PathNode<R, S> = { label: '', list: null, children: null }
  readonly #makeList: MakeList<R, S>

  constructor(makeList: MakeList<R, S>) {
    this.#makeList = makeList
  }

  add(entry: RouteEntry<R, S>): void {
    const prefix = entry.regex === null ? (entry.path ?? '') : entry.regex.prefix
    const node = this.#nodeAt(prefix)
    node.list ??= this.#makeList()
    node.list.add(entry)
  }

  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null {
    const { path } = search.request
    let found = best
    let at = 0
    for (let node: PathNode<R, S> | undefined = this.#root; node !== undefined;) {
      if (node.list !== null) found = node.list.best(search, found)
      const next: PathNode<R, S> | undefined = node.children?.get(path.charCodeAt(at))
      if (next === undefined || !path.startsWith(next.label, at)) return found
      at += next.label.length
      node = next
    }
    return found
  }

  #nodeAt(prefix: string): PathNode<R, S> {
    let node = this.#root
    let at = 0
    while (at < prefix.length) {
      node.children ??= new Map()
      const first = prefix.charCodeAt(at)
      let child = node.children.get(first)
      if (child === undefined) {
        child = { label: prefix.slice(at), list: null, children: null }
        node.children.set(first, child)
        return child
      }
      const shared = sharedLength(child.label, prefix, at)
      if (shared < child.label.length) child = splitNode(node.children, child, shared)
      at += shared
      node = child
    }
    return node
  }
}

interface PathNode<R, S> {
  label: string
  list: EntryList<R, S> | null
  children: Map<number, PathNode<R, S>> | null
}

function sharedLength(label: string, prefix: string, start: number): number {
  const most = Math.min(label.length, prefix.length - start)
  let length = 1
  while (length < most && label.charCodeAt(length) === prefix.charCodeAt(start + length)) length++
  return length
}

/** Puts a node for the first `length` characters above `child` and returns it. */
function splitNode<R, S>(
  siblings: Map<number, PathNode<R, S>>,
  child: PathNode<R, S>,
  length: number,
): PathNode<R, S> {
  const upper: PathNode<R, S> = {
    label: child.label.slice(0, length),
    list: null,
    children: new Map([[child.label.charCodeAt(length), child]]),
  }
  child.label = child.label.slice(length)
  siblings.set(upper.label.charCodeAt(0), upper)
  return upper
}
