import { CHUNK_ROWS } from './messages/chunks.ts'
import { CONNECTION_ROWS } from './messages/connections.ts'
import { CONTENT_LENGTH_ROWS } from './messages/content-lengths.ts'
import { HEADER_LINE_ROWS } from './messages/header-lines.ts'
import { HOST_ROWS } from './messages/hosts.ts'
import { PIPELINE_ROWS } from './messages/pipelines.ts'
import { REQUEST_LINE_ROWS } from './messages/request-lines.ts'
import type { MessageRow } from './messages/row.ts'
import { SIZE_ROWS } from './messages/sizes.ts'
import { TARGET_ROWS } from './messages/targets.ts'
import { TRANSFER_ENCODING_ROWS } from './messages/transfer-encodings.ts'

/**
 * What becomes of messages, valid and hostile, under `TABLE_LIMITS`: one row for each way in which
 * servers have been made to disagree, and one for each thing that honest clients send.
 */
export const MESSAGE_TABLE: readonly MessageRow[] = [
  ...section('request line', REQUEST_LINE_ROWS),
  ...section('target', TARGET_ROWS),
  ...section('header lines', HEADER_LINE_ROWS),
  ...section('Host', HOST_ROWS),
  ...section('Content-Length', CONTENT_LENGTH_ROWS),
  ...section('Transfer-Encoding', TRANSFER_ENCODING_ROWS),
  ...section('chunks', CHUNK_ROWS),
  ...section('connection', CONNECTION_ROWS),
  ...section('pipeline', PIPELINE_ROWS),
  ...section('sizes', SIZE_ROWS),
]

function section(topic: string, rows: readonly MessageRow[]): MessageRow[] {
  return rows.map((row) => ({ ...row, name: `${topic}: ${row.name}` }))
}
