import {
  type SettingRow,
  SETTINGS,
  settingKeysOf,
  toFlag,
  toFileKey,
  toVariable,
} from '../settings.ts'
import { type CommandRow, COMMANDS } from './commands.ts'

/** What `sallyport --help` prints. */
export function overview(): string {
  const rows = Object.values(COMMANDS).filter((row) => row.served !== null)
  const width = Math.max(...rows.map((row) => row.usage.length)) + 2
  return [
    'sallyport: an API gateway whose plugins cannot hurt it',
    '',
    ...rows.map((row) => `  sallyport ${row.usage.padEnd(width)}${row.summary}`),
    '',
    'sallyport COMMAND --help tells the flags of a command, sallyport --version the version.',
    '',
  ].join('\n')
}

/** What `sallyport COMMAND --help` prints: everything that can be set, from the table. */
export function commandHelp(row: CommandRow): string {
  const lines = [`sallyport ${row.usage}`, `  ${row.summary}`, '']
  const command = row.served
  for (const key of command === null ? [] : settingKeysOf(command)) {
    const { value, help, reason, required, default: byDefault }: SettingRow = SETTINGS[key]
    lines.push(`  ${toFlag(key)} ${value}`, `      ${help}`)
    if (required?.includes(command!)) lines.push('      required')
    else lines.push(`      default: ${byDefault ?? 'none'} (${reason})`)
    lines.push(`      ${toVariable(key)}, ${toFileKey(key)}`)
  }
  lines.push('  --settings FILE', '      the settings file', '      default: sallyport.yml')
  lines.push('      SALLYPORT_SETTINGS', '')
  lines.push('A flag goes before its variable, that before the key in the settings file.', '')
  return lines.join('\n')
}
