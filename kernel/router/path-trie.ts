import { appendEntry, bestOf, groupedFrom } from './entry-list.ts'
import type { Bucket, BuildEvents, EntryHolder } from './entry-list.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'

/**
 * Entries by path prefix, in a radix tree: one walk along the request path passes every entry whose
 * path is a prefix of it. A regex stands at the text that its matches begin with.
 */
export class PathTrie<R, S> implements Bucket<R, S> {
  readonly #root: PathNode<R, S> = newNode('')
  readonly #events: BuildEvents<R, S>
  /** Nodes with entries on the way of the request that is being looked up; kept to allocate none. */
  readonly #passed: PathNode<R, S>[] = []

  constructor(events: BuildEvents<R, S>) {
    this.#events = events
  }

  add(entry: RouteEntry<R, S>): void {
    const prefix = entry.regex === null ? (entry.path ?? '') : entry.regex.prefix
    appendEntry(this.#nodeAt(prefix), entry, this.#events)
  }

  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null {
    const { path } = search.request
    const passed = this.#passed
    let count = 0
    let at = 0
    for (let node: PathNode<R, S> | undefined = this.#root; node !== undefined;) {
      if (node.entries !== null) passed[count++] = node
      node = childAt(node, path.charCodeAt(at))
      if (node === undefined || !path.startsWith(node.label, at)) break
      at += node.label.length
    }
    // The longest path first: where it holds, those on the way to it need not be asked for the rest.
    let found = best
    while (count > 0) found = bestOf(passed[--count]!, search, found)
    return found
  }

  #nodeAt(prefix: string): PathNode<R, S> {
    let node = this.#root
    let at = 0
    while (at < prefix.length) {
      const child = childAt(node, prefix.charCodeAt(at))
      if (child === undefined) return addChild(node, newNode(prefix.slice(at)))
      const shared = sharedLength(child.label, prefix, at)
      if (shared < child.label.length) splitNode(child, shared, this.#events)
      at += shared
      node = child
    }
    return node
  }
}

// A lookup waits for memory more than for anything else: a node is one object, and its children
// are found by a short text of their first characters instead of a map.
interface PathNode<R, S> extends EntryHolder<R, S> {
  label: string
  /** The first character of each child, in the order of `children`. */
  firsts: string
  children: PathNode<R, S>[] | null
}

function newNode<R, S>(label: string): PathNode<R, S> {
  return { label, entries: null, group: null, firsts: '', children: null }
}

function childAt<R, S>(node: PathNode<R, S>, code: number): PathNode<R, S> | undefined {
  const { firsts, children } = node
  if (children === null) return undefined
  for (let index = 0; index < firsts.length; index++) {
    if (firsts.charCodeAt(index) === code) return children[index]
  }
  return undefined
}

function addChild<R, S>(node: PathNode<R, S>, child: PathNode<R, S>): PathNode<R, S> {
  node.firsts += child.label.charAt(0)
  node.children ??= []
  node.children.push(child)
  return child
}

function sharedLength(label: string, prefix: string, start: number): number {
  const most = Math.min(label.length, prefix.length - start)
  let length = 1
  while (length < most && label.charCodeAt(length) === prefix.charCodeAt(start + length)) length++
  return length
}

/** Leaves the first `length` characters to the node and moves all else into a child of it. */
function splitNode<R, S>(node: PathNode<R, S>, length: number, events: BuildEvents<R, S>): void {
  const lower: PathNode<R, S> = { ...node, label: node.label.slice(length) }
  if ((lower.entries?.length ?? 0) > groupedFrom) events.onMany(lower)
  node.label = node.label.slice(0, length)
  node.entries = null
  node.group = null
  node.firsts = ''
  node.children = null
  addChild(node, lower)
}
