import { createHash } from 'node:crypto'

/** The namespace of identifiers that are made from a place or a name. Never change it. */
const namespace = Buffer.from('0d3b8a5c6f0e4d6fa3c1b7e95a2f4c18', 'hex')

/** A uuid (version 5) that is always the same for the same name. */
export function stableUuid(name: string): string {
  const bytes = createHash('sha1').update(namespace).update(name).digest().subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20)]
  return [...parts, hex.slice(20)].join('-')
}
