import { CALL_HEAD_LINES, CALL_LINES, type GuestCall } from '@sallyport/sdk/guest'

/** What `toCallText` has written of several calls. */
export function readCalls(text: string): (GuestCall & { readonly view: string })[] {
  const lines = text.split('\n')
  return Array.from({ length: Math.ceil(lines.length / CALL_LINES) }, (_, index) => {
    const own = lines.slice(index * CALL_LINES, (index + 1) * CALL_LINES)
    const [id, phase = '', instanceKey = ''] = own[0]!.split(' ')
    const view = own.slice(CALL_HEAD_LINES).join('\n')
    return { id: Number(id), phase, instanceKey, view }
  })
}
