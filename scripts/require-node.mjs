// Loaded before anything else of ours: says in one line that this Node is too old, where the first syntax or module it
// lacks would say so in a stack trace. A shell that has once found another `node` goes on using it; this is how it shows.
import process from 'node:process'

const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 22 || (major === 22 && minor < 15)) {
  process.stderr.write(
    `plainsight needs Node 22.15 or newer, and this is ${process.version} (${process.execPath}).\n` +
      'Start it through npm (npm test, npm run demo, …), which uses the Node that the repository pins.\n',
  )
  process.exit(1)
}
