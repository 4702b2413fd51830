// Adds to package-lock.json the packages of other platforms that npm left out. A tool ships its binary as one optional
// package per platform; where a registry or mirror lacks some of them, npm writes a lockfile without these, and then
// refuses that lockfile in `npm ci` ("Missing: … from lock file"), here and for everybody else.
// Run it after changing dependencies: node scripts/complete-lockfile.mjs [DIRECTORY …]
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { root } from './setup.mjs'

const systems = [
  'aix',
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'win32',
]
const processors = [
  'arm',
  'arm64',
  'ia32',
  'loong64',
  'mips64el',
  'ppc64',
  'riscv64',
  's390x',
  'x64',
]

for (const directory of process.argv.length > 2 ? process.argv.slice(2) : [root]) {
  const path = join(directory, 'package-lock.json')
  const lock = JSON.parse(readFileSync(path, 'utf8'))
  const added = complete(lock.packages)
  if (added > 0) writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
  process.stdout.write(`${path}: ${added} packages added\n`)
}

function complete(packages) {
  const missing = {}
  for (const [parent, { optionalDependencies = {} }] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(optionalDependencies)) {
      if (isLocked(packages, parent, name)) continue
      const platform = platformOf(name)
      if (platform === undefined || !/^\d+\.\d+\.\d+/.test(version)) {
        process.stderr.write(`skipped ${name}@${version}: not one version of one platform\n`)
        continue
      }
      // In npm's own order of keys, so that its next write changes nothing.
      missing[`node_modules/${name}`] = { version, ...platform }
    }
  }
  Object.assign(packages, missing)
  const sorted = Object.entries(packages).sort(([a], [b]) => a.localeCompare(b, 'en'))
  for (const [key, value] of sorted) {
    delete packages[key]
    packages[key] = value
  }
  return Object.keys(missing).length
}

/** Whether node, from inside the package at `parent`, would find a locked `name`. */
function isLocked(packages, parent, name) {
  const folders = parent.split(/(?:^|\/)node_modules\//)
  while (folders.length > 0) {
    const at = folders.filter((folder) => folder !== '').map((folder) => `node_modules/${folder}`)
    if ([...at, `node_modules/${name}`].join('/') in packages) return true
    folders.pop()
  }
  return false
}

/** `@oxlint/binding-linux-x64-musl` says what it runs on. */
function platformOf(name) {
  const words = name.slice(name.indexOf('/') + 1).split('-')
  const os = words.find((word) => systems.includes(word))
  const cpu = words
    .map((word) => (/^arm(v6|v7)?$/.test(word) ? 'arm' : word))
    .find((word) => processors.includes(word))
  if (os === undefined || cpu === undefined) return undefined
  const libc = os === 'linux' ? words.map(libcOf).find((word) => word !== undefined) : undefined
  return {
    cpu: [cpu],
    dev: true,
    ...(libc === undefined ? {} : { libc: [libc] }),
    optional: true,
    os: [os],
  }
}

function libcOf(word) {
  if (word.startsWith('musl')) return 'musl'
  return word.startsWith('gnu') ? 'glibc' : undefined
}
