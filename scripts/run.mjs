// Every npm script comes through here: set up, then run the tool on the pinned Node, named by its absolute path.
// Plain JavaScript with no dependencies, because Node 18 must be able to run it.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'
import { install, root, setup, SetupError } from './setup.mjs'

const commands = {
  demo: (args) => program('examples/demo/main.ts', args),
  chaos: (args) => program('test/chaos/run.ts', args),
  bench: (args) => benchmark('benchmarks/run.ts', args),
  'bench:check': (args) => benchmark('benchmarks/check.ts', args),
  test: async (args) => {
    const code = await bringRedis()
    return code === 0 ? runAll(checks, args, await servicesToLeaveOut()) : code
  },
  check: (args) => runAll(checks, ['--project', 'unit', ...args]),
  vitest: (args) => vitest(args),
  collector: (args) => testServices(args),
  build: (args) => build(show, args),
  format: (args) => show(tool('oxfmt', 'oxfmt', args)),
  'format:check': (args) => formatCheck(show, args),
  lint: (args) => lint(show, args),
  typecheck: (args) => typecheck(show, args),
  size: (args) => size(show, args),
  node: (args) => show(args),
  unused: (args) => show(tool('knip', 'knip', args)),
}

/** In this order: what fails fastest first, and the package's checks after the build they look at. */
const checks = {
  'format:check': formatCheck,
  lint,
  typecheck,
  build,
  publint: (run) => run(tool('publint', 'publint', ['--strict'])),
  attw: (run) =>
    run(tool('@arethetypeswrong/cli', 'attw', ['--pack', '.', '--profile', 'esm-only'])),
  size,
}

function formatCheck(run, args = []) {
  return run(tool('oxfmt', 'oxfmt', ['--check', ...args]))
}

function lint(run, args = []) {
  return run(tool('oxlint', 'oxlint', ['--type-aware', '--deny-warnings', ...args]))
}

function typecheck(run, args = []) {
  return run(tool('typescript', 'tsc', ['-p', '.', ...args]))
}

async function build(run, args = []) {
  rmSync(join(root, 'dist'), { recursive: true, force: true })
  const compiled = await run(tool('typescript', 'tsc', ['-p', 'tsconfig.build.json', ...args]))
  return compiled === 0 ? run([join(root, 'scripts/bundle.mjs')]) : compiled
}

function size(run, args = []) {
  return run([join(root, 'scripts/size.ts'), ...args])
}

function vitest(args) {
  return show(tool('vitest', 'vitest', ['run', ...args]))
}

/** Programs from elsewhere that tests need; each is a vitest project of the same name, and brought by prepare.ts. */
const services = ['collector', 'prometheus', 'valkey']
const UNAVAILABLE = 3

function prepare(name) {
  return [join(root, 'scripts/services/prepare.ts'), name]
}

/** Most tests of the store and the stream need it: without it there is nothing to run. */
async function bringRedis() {
  const outcome = { output: '' }
  const code = await keep(prepare('redis'), outcome)
  if (code !== 0) process.stderr.write(outcome.output)
  return code
}

/** Runs their tests, and fails when one of them cannot be had. */
async function testServices(args) {
  const there = []
  for (const name of services) if ((await show(prepare(name))) === 0) there.push(name)
  const missing = services.filter((name) => !there.includes(name))
  const projects = there.flatMap((name) => ['--project', name])
  const tested = there.length === 0 ? 1 : await vitest([...projects, ...args])
  if (missing.length === 0) return tested
  process.stdout.write(
    `\nFAILED, see above: there is no ${missing.join(' and no ')} to test with\n`,
  )
  return tested === 0 ? 1 : tested
}

/**
 * Brings them for a whole run. What the machine cannot have (no Go toolchain, no way to the modules) is left out, with a
 * line that says so: a clone has to pass on any machine. What fails otherwise, fails in its tests.
 */
async function servicesToLeaveOut() {
  const leftOut = []
  for (const name of services) {
    const outcome = { output: '' }
    const code = await keep(prepare(name), outcome)
    if (code !== UNAVAILABLE) continue
    leftOut.push('--project', `!${name}`)
    const [reason] = outcome.output.split('\n').filter((line) => !line.endsWith('…'))
    process.stdout.write(`LEFT OUT  the tests with a real ${name}: ${reason}\n`)
  }
  return leftOut
}

/** Runs every check, however many fail, and then vitest, so that its summary is the last thing on the screen. */
async function runAll(steps, vitestArgs, leftOut = []) {
  const failed = []
  for (const [name, step] of Object.entries(steps)) {
    const startedAt = Date.now()
    const outcome = { output: '' }
    const code = await step((args) => keep(args, outcome))
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(1)
    process.stdout.write(`${code === 0 ? 'ok    ' : 'FAILED'}  ${name}  ${seconds} s\n`)
    if (code !== 0) {
      failed.push(name)
      process.stdout.write(`\n${outcome.output.trimEnd()}\n\n`)
    }
  }
  const tested = await vitest([...vitestArgs, ...leftOut])
  if (failed.length === 0) return tested
  process.stdout.write(`\nFAILED before the tests, see above: ${failed.join(', ')}\n`)
  return tested === 0 ? 1 : tested
}

/** A program that measures us beside others, who are installed apart from everything else. */
async function benchmark(path, args) {
  install(join(root, 'benchmarks'), 'the rivals to measure against', ready.node)
  const checked = await show(tool('typescript', 'tsc', ['-p', 'benchmarks']))
  return checked === 0 ? program(path, args) : checked
}

/** A TypeScript program of ours. */
function program(path, args) {
  if (!existsSync(join(root, path)))
    throw new SetupError(`there is no ${path} in this checkout, so there is nothing to run`)
  return show([join(root, path), ...args])
}

/** The JavaScript file behind a tool's command, so that it never depends on what its first line calls `node`. */
function tool(packageName, command, args) {
  const directory = join(root, 'node_modules', packageName)
  const { bin } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
  return [join(directory, typeof bin === 'string' ? bin : bin[command]), ...args]
}

/** Runs it on the terminal. */
function show(args) {
  return runNode(args, 'inherit')
}

/** Runs it and keeps what it says, to be shown if it fails. */
function keep(args, outcome) {
  return runNode(args, ['ignore', 'pipe', 'pipe'], (text) => {
    outcome.output += text
  })
}

function runNode(args, stdio, onText = () => {}) {
  const guard = pathToFileURL(join(root, 'scripts/require-node.mjs')).href
  const child = spawn(ready.node, ['--import', guard, ...args], {
    cwd: root,
    env: ready.env,
    stdio,
  })
  for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onText)
  // Ctrl-C reaches the child by itself: it decides when to end, and we end with it.
  const onSignal = (signal) => {
    if (signal !== 'SIGINT') child.kill(signal)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.on(signal, onSignal)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      for (const name of signals) process.off(name, onSignal)
      if (signal === null) resolve(code)
      else process.kill(process.pid, signal)
    })
  })
}

const [name = '', ...args] = process.argv.slice(2)
let ready
try {
  const command = commands[name]
  if (command === undefined)
    throw new SetupError(`no command "${name}"; there are ${Object.keys(commands).join(', ')}`)
  ready = setup()
  process.exitCode = await command(args)
} catch (error) {
  if (!(error instanceof SetupError)) throw error
  process.stderr.write(`${name || 'run'}: ${error.message}\n`)
  process.exitCode = 1
}
