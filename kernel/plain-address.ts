/** `::ffff:10.0.0.1` is how a dual-stack socket spells 10.0.0.1. Empty when there is no address. */
export function toPlainAddress(address: string | undefined): string {
  if (address === undefined) return ''
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}
