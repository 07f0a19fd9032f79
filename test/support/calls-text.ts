import type { GuestCall } from '@sallyport/sdk/guest'

/** What `toCallText` has written of several calls. */
export function readCalls(text: string): (GuestCall & { readonly view: string })[] {
  const calls: (GuestCall & { readonly view: string })[] = []
  for (let at = 0; at < text.length;) {
    const bodyAt = text.indexOf('\n', at) + 1
    const [id, length, phase = '', instanceKey = ''] = text.slice(at, bodyAt - 1).split(' ')
    const end = bodyAt + Number(length)
    calls.push({
      id: Number(id),
      phase,
      instanceKey,
      view: text.slice(text.indexOf('\n', bodyAt) + 1, end),
    })
    at = end + 1
  }
  return calls
}
