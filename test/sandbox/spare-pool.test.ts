import { expect, onTestFinished, test } from 'vitest'
import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { type Launch, prepareLaunch } from '../../sandbox/process/launch.ts'
import { SparePool } from '../../sandbox/process/spare-pool.ts'
import { until } from '../support/test-primary.ts'

/** A pool with one user, and the processes that it has started. */
function makePool() {
  const pids: number[] = []
  const prepare = async (): Promise<Launch> => {
    const launch = await prepareLaunch()
    return (limits) => {
      const child = launch(limits)
      pids.push(child.process.pid!)
      return child
    }
  }
  const pool = new SparePool(SANDBOX_LIMITS, { prepare })
  return { pool, pids }
}

test('a spare is kept while somebody uses the pool, and its state is told', async () => {
  const { pool, pids } = makePool()
  expect(pool.state).toBe('unused')
  pool.join()
  expect(pool.state).toBe('absent')
  const child = await pool.take()
  onTestFinished(() => child.end('the test is over'))
  expect(pool.state).toBe('absent')
  await until(() => pool.state === 'starting')
  await until(() => pool.state === 'ready')
  expect(pids).toHaveLength(2)
  await pool.leave()
  expect(pool.state).toBe('unused')
})

test('a spare that dies is seen to be gone, and the next who needs one gets one', async () => {
  const { pool, pids } = makePool()
  pool.join()
  const first = await pool.take()
  onTestFinished(() => first.end('the test is over'))
  await until(() => pool.state === 'ready')
  process.kill(pids[1]!, 'SIGKILL')
  await until(() => pool.state === 'absent')
  const second = await pool.take()
  onTestFinished(() => second.end('the test is over'))
  expect(second.pid).toBe(pids[2])
  await pool.leave()
})
