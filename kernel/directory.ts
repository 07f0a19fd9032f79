import type { Consumer as ConsumerView, Credential, CredentialCollection } from '@sallyport/sdk'
import type { Entities } from './config/entities.ts'
import type { TimeSlices } from './time-slices.ts'

/** A consumer as the kernel needs it: what plugins see, and the groups that decide its chain. */
export interface ConsumerRecord {
  readonly view: ConsumerView
  /** Ids of its groups, sorted by the groups' names. */
  readonly groupIds: readonly string[]
}

/**
 * Who may call: consumers and credentials, looked up one at a time. The methods are asynchronous
 * because a store with millions of them answers through a cache, not out of the snapshot.
 */
export interface Directory {
  findConsumer(id: string): Promise<ConsumerRecord | null>
  findConsumerByName(username: string): Promise<ConsumerRecord | null>
  findCredential(collection: CredentialCollection, value: string): Promise<Credential | null>
}

/**
 * The directory of a configuration that is in memory as a whole, as a declarative file is. Built in
 * slices, so that the event loop serves requests meanwhile.
 */
export async function buildDirectory(entities: Entities, slices: TimeSlices): Promise<Directory> {
  const groupNames = new Map(entities.consumer_groups.map((group) => [group.id, group.name]))
  const byId = new Map<string, ConsumerRecord>()
  const byName = new Map<string, ConsumerRecord>()
  await slices.over(entities.consumers, ({ id, username, custom_id, tags, groups }) => {
    const record: ConsumerRecord = {
      view: { id, username, custom_id, tags },
      groupIds: groups.toSorted((a, b) => compare(groupNames.get(a) ?? a, groupNames.get(b) ?? b)),
    }
    byId.set(id, record)
    if (username !== null) byName.set(username, record)
  })
  const keys = new Map<string, Credential>()
  await slices.over(entities.keyauth_credentials, ({ id, key, consumer }) => {
    keys.set(key, { id, consumer })
  })
  const credentials: Record<CredentialCollection, Map<string, Credential>> = {
    keyauth_credentials: keys,
  }
  return {
    findConsumer: (id) => Promise.resolve(byId.get(id) ?? null),
    findConsumerByName: (username) => Promise.resolve(byName.get(username) ?? null),
    findCredential: (collection, value) =>
      Promise.resolve(credentials[collection].get(value) ?? null),
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
