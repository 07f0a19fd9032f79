import { once } from 'node:events'
import { FrameEncoder } from '@sallyport/sdk/protocol'
import { expect, test } from 'vitest'
import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { prepareLaunch } from '../../sandbox/process/launch.ts'

const HELLO = [1, 0, 1, ['json']]
const LOAD_OF_NO_JSON = [3, 1, 'p', 'no JSON', '', '{}']

function toBytes(...frames: readonly unknown[][]): Uint8Array {
  const encoder = new FrameEncoder()
  for (const frame of frames) encoder.add(frame)
  return encoder.take()
}

/** Behind the filter of system calls what Node does at an end would abort the process. */
test.each([
  ['its channel is closed', toBytes(HELLO), 0, /^$/],
  ['a frame breaks the protocol', toBytes(HELLO, HELLO), 2, /^$/],
  ['it meets what it was not made for', toBytes(HELLO, LOAD_OF_NO_JSON), 1, /^SyntaxError.*\n +at/],
])('a sandbox host ends by itself when %s', async (_when, bytes, wantedCode, wantedText) => {
  const launch = await prepareLaunch()
  const { process: child, channel } = launch(SANDBOX_LIMITS)
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve([code, signal]))
  })
  let text = ''
  child.stderr!.on('data', (chunk: Buffer) => (text += chunk.toString()))
  channel.resume()
  channel.write(bytes)
  channel.end()
  expect(await exited).toEqual([wantedCode, null])
  if (!child.stderr!.closed) await once(child.stderr!, 'close')
  expect(text).toMatch(wantedText)
})
