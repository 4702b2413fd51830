/** Spans as the tree of text that docs/opentelemetry.md shows. */

import type { WrittenSpan } from './otlp-file.ts'

/** One line per span, children below their parent in the order of their starts. */
export function spanTree(spans: readonly WrittenSpan[]): string {
  const ids = new Set(spans.map(({ spanId }) => spanId))
  const rows: (readonly string[])[] = []
  const add = (span: WrittenSpan, indent: string, branch: string): void => {
    const service = span.resource['service.name'] as string
    rows.push([indent + branch + span.name, span.kind, service, remarksOf(span)])
    const children = spans.filter(({ parentSpanId }) => parentSpanId === span.spanId)
    const inner = branch === '' ? '' : indent + (branch.startsWith('├') ? '│ ' : '  ')
    for (const [index, child] of children.entries())
      add(child, inner, index === children.length - 1 ? '└ ' : '├ ')
  }
  for (const span of spans) if (!ids.has(span.parentSpanId)) add(span, '', '')
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

function remarksOf({ attributes, status, links }: WrittenSpan): string {
  const attempt = attributes['plainsight.task.attempt']
  const outcome = attributes['plainsight.task.outcome']
  const remarks = [
    ...(attempt === undefined ? [] : [`attempt ${attempt as number}, ${outcome as string}`]),
    ...(status.code === 'UNSET' ? [] : [`${status.code} ${status.message}`]),
    ...(links.length === 0
      ? []
      : [
          `links: ${links.map((link) => link.attributes['plainsight.link.type'] as string).join(', ')}`,
        ]),
  ]
  return remarks.join('; ')
}
