/** How files of earlier versions are brought up to date, one version at a time. */

import type { DatabaseSync } from 'node:sqlite'

/**
 * The first leads from version 1 to 2, and so on. Each runs in a transaction, and keeps to what was true of its
 * version: it uses none of the code around it, which goes on changing.
 */
export const MIGRATIONS: readonly ((db: DatabaseSync) => void)[] = [toVersion2]

/** Due times and counts get columns and a table of their own, and tags an index. */
function toVersion2(db: DatabaseSync): void {
  // Scheduled and retrying are 0 and 3. A state's text began with its due time, and a cast reads a number as far as it
  // goes; of a damaged one nothing, and it is due at once.
  db.exec(`
DROP INDEX tasks_unowned;
DROP INDEX tasks_ended;
ALTER TABLE tasks ADD COLUMN due_at REAL;
UPDATE tasks SET due_at = CAST(substr(state, length('{"dueAt":') + 1) AS REAL),
  held = CASE held WHEN 0 THEN 2 ELSE held END
  WHERE ended_at IS NULL AND status IN (0, 3);
CREATE INDEX tasks_unowned ON tasks (held, status, queue, name, priority DESC, seq,
  due_at, owner, ended_at)
  WHERE owner IS NULL AND ended_at IS NULL;
CREATE INDEX tasks_later ON tasks (due_at) WHERE owner IS NULL AND ended_at IS NULL AND held = 2;
CREATE INDEX tasks_ended ON tasks (status, ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX tasks_history ON tasks (status, queue, name, seq) WHERE ended_at IS NOT NULL;
CREATE TABLE tags (tag TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (tag, seq)) WITHOUT ROWID;
CREATE TABLE counts (status INTEGER PRIMARY KEY, count INTEGER NOT NULL);
INSERT INTO counts VALUES (4, 0), (5, 0), (6, 0), (7, 0), (8, 0);
INSERT OR REPLACE INTO counts
  SELECT status, count(*) FROM tasks WHERE ended_at IS NOT NULL GROUP BY status;
INSERT INTO meta SELECT 'createdUpTo', coalesce(max(created_at), 0) FROM tasks;
INSERT INTO meta SELECT 'createdLag', coalesce(max(latest - created_at), 0) FROM (
  SELECT created_at, max(created_at) OVER (ORDER BY seq) AS latest FROM tasks);
`)
  // Not by `iterate`: in Node 22 its statement may be collected as garbage before it is through.
  const tagged = db.prepare(
    'SELECT seq, tags FROM tasks WHERE seq > ? AND tags IS NOT NULL ORDER BY seq LIMIT 1000',
  )
  const add = db.prepare('INSERT OR IGNORE INTO tags (tag, seq) VALUES (?, ?)')
  for (let after = 0; ;) {
    const rows = tagged.all(after) as unknown as { seq: number; tags: string }[]
    for (const { seq, tags } of rows) {
      for (const tag of tagTexts(tags)) add.run(tag, seq)
      after = seq
    }
    if (rows.length === 0) return
  }
}

function tagTexts(json: string): string[] {
  try {
    const tags = JSON.parse(json) as Record<string, unknown>
    return Object.entries(tags).map(([key, value]) => {
      return `${JSON.stringify(key)}:${JSON.stringify(value)}`
    })
  } catch {
    // A damaged record has none.
    return []
  }
}
