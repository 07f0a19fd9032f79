import { HOST_FAILURES, PDK_MEMBERS, PHASE_NAMES, PHASES } from '@sallyport/sdk'
import type { PdkMemberRow, PhaseRow } from '@sallyport/sdk'
import type { LimitRow, LimitTable } from '@sallyport/sdk/limits'
import { EFFECT_LIMIT_ROWS } from '../kernel/effects/limits.ts'
import { EXPRESSION_LIMIT_ROWS } from '../kernel/expressions/limits.ts'
import { EFFECT_FAMILIES } from '../kernel/telemetry/effect-metrics.ts'
import { HTTP_LIMIT_ROWS } from '../kernel/http/limits.ts'
import { PLUGIN_LIMIT_ROWS } from '../kernel/plugin-limits.ts'
import { SANDBOX_LIMIT_ROWS } from '../sandbox/limits.ts'

/**
 * What the pages repeat of the tables in code, by the name of the block. A page holds a block
 * between `<!-- generated:NAME -->` and `<!-- /generated -->`; `npm run docs` writes it.
 */
export const docsBlocks: Readonly<Record<string, () => string>> = {
  phases: renderPhases,
  pdk: renderPdk,
  'host-failures': renderHostFailures,
  'expression-limits': () => renderLimits(EXPRESSION_LIMIT_ROWS),
  'effect-limits': () => renderLimits(EFFECT_LIMIT_ROWS),
  'effect-metrics': renderEffectMetrics,
  'limits-of-handlers': () => renderChangeable(PLUGIN_LIMIT_ROWS),
  'limits-of-sandboxes': () => renderChangeable(without(SANDBOX_LIMIT_ROWS, PLUGIN_LIMIT_ROWS)),
  'limits-of-http': () => renderChangeable(HTTP_LIMIT_ROWS),
}

function renderPhases(): string {
  const rows: [string, PhaseRow][] = Object.entries(PHASES)
  return renderTable(
    ['phase', 'runs', 'instances', 'when a plugin fails'],
    rows.map(([name, { when, scope, failure }]) => [
      `\`${name}\``,
      when,
      scope === 'global' ? 'global only' : 'all that match',
      FAILURES[failure],
    ]),
  )
}

function renderPdk(): string {
  const rows: [string, PdkMemberRow][] = Object.entries(PDK_MEMBERS)
  return renderTable(
    ['function', 'what it does', 'phases'],
    rows.map(([name, { kind, phases }]) => [`\`${name}\``, KINDS[kind], renderPhaseSet(phases)]),
  )
}

const KINDS: Readonly<Record<PdkMemberRow['kind'], string>> = {
  read: 'reads',
  change: 'changes, applied when the handler ends',
  effect: 'acts, and returns a promise',
}

/** Most members may be called nearly everywhere: what is left out is then the shorter thing to say. */
function renderPhaseSet(phases: PdkMemberRow['phases']): string {
  const quote = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')
  const others = PHASE_NAMES.filter((name) => !phases.includes(name))
  if (others.length === 0) return 'all'
  return others.length < phases.length ? `all but ${quote(others)}` : quote(phases)
}

function renderHostFailures(): string {
  return renderTable(
    ['failure', 'answer', 'what happened'],
    Object.entries(HOST_FAILURES).map(([kind, { status, what }]) => [
      `\`${kind}\``,
      String(status),
      what,
    ]),
  )
}

function renderLimits(rows: Readonly<Record<string, { default: number; reason: string }>>): string {
  return renderTable(
    ['limit', 'at most', 'of what, and why'],
    Object.entries(rows).map(([name, row]) => [
      `\`${name}\``,
      row.default.toLocaleString('en'),
      row.reason,
    ]),
  )
}

function renderEffectMetrics(): string {
  return renderTable(
    ['series', 'counts'],
    Object.entries(EFFECT_FAMILIES).map(([name, { help }]) => [`\`${name}\``, help]),
  )
}

/** With how far each may be changed, and by whom. */
function renderChangeable(rows: LimitTable): string {
  return renderTable(
    ['limit', 'default', 'from .. to', 'tenants', 'of what, and why'],
    Object.entries(rows).map(([name, row]) => [
      `\`${name}\``,
      `${renderAmount(row.default)}${UNIT_WORDS[row.unit]}`,
      row.range === undefined ? 'fixed' : row.range.map(renderAmount).join(' .. '),
      row.tenant ? 'may lower' : '',
      row.atMost === undefined ? row.reason : `${row.reason}; at most \`${row.atMost}\``,
    ]),
  )
}

const UNIT_WORDS: Readonly<Record<LimitRow['unit'], string>> = {
  ms: ' ms',
  bytes: ' bytes',
  characters: ' characters',
  count: '',
}

const renderAmount = (amount: number) =>
  amount === Number.MAX_SAFE_INTEGER ? '9e15' : amount.toLocaleString('en')

/** A limit that two parts hold is told once. */
function without(rows: LimitTable, others: LimitTable): LimitTable {
  return Object.fromEntries(Object.entries(rows).filter(([name]) => !(name in others)))
}

const FAILURES: Readonly<Record<PhaseRow['failure'], string>> = {
  refuse: '500 / 503, nothing goes upstream',
  replace: 'the answer is replaced by 500 / 503',
  abort: 'the connection is aborted',
  count: 'counted only',
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
